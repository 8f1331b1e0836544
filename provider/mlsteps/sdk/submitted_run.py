"""The run of a step, seen from inside it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk import run_types, step_context
from mlsteps.sdk.run import Run
from mlsteps.sdk.run_artifacts import upload_collected

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

_made: dict[str, _SubmittedRun] = {}


def submitted_run(context: Mapping[str, Any]) -> _SubmittedRun:
    """The step's run; one object a process, so that attributes set on it stay.

    :param context: what ``MLSTEPS_RUN`` names.
    """
    run_id = context["run_id"]
    if run_id not in _made:
        from mlsteps.sdk.experiment import Experiment
        from mlsteps.sdk.workspace import Workspace

        workspace = Workspace._from_reference(context["workspace"])
        experiment = Experiment(workspace, context["experiment"], _skip_name_validation=True)
        _made[run_id] = _SubmittedRun(experiment, run_id, _context=context)
    return _made[run_id]


class _SubmittedRun(Run):
    """What ``Run.get_context()`` gives inside a step. Its status belongs to the platform: the exit code decides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._context: Mapping[str, Any] = kwargs.pop("_context", None) or {}
        super().__init__(*args, **kwargs)
        self._directory = _working_directory()
        self._inputs: InputDatasets | None = None
        self._outputs: OutputDatasets | None = None

    @property
    def input_datasets(self) -> InputDatasets:
        """The step's inputs by name: the local path where it is mounted or downloaded, the dataset where direct."""
        if self._inputs is None:
            self._inputs = InputDatasets(self.experiment.workspace)
            self._inputs._declare(self._context.get("inputs") or {})
        return self._inputs

    @property
    def output_datasets(self) -> OutputDatasets:
        """The step's outputs by name: the local path, or a :class:`LinkOutput`."""
        if self._outputs is None:
            self._outputs = OutputDatasets(self.experiment.workspace)
            self._outputs._declare(self._context.get("outputs") or {})
        return self._outputs

    @property
    def type(self) -> str:
        """``azureml.StepRun``."""
        return run_types.STEP

    @property
    def name(self) -> str:
        """As :attr:`display_name`."""
        return self.display_name

    @property
    def parent(self) -> Run | None:
        """The pipeline run."""
        parent = self._context.get("pipeline_run_id")
        if parent is None:
            return None
        return run_types.run_of_head(self.experiment, {"type": run_types.PIPELINE, "id": parent})

    def complete(self, _set_status: bool = True) -> None:
        """Has no effect: the step is complete when its script ends with exit code 0."""
        print("Run.complete() has no effect inside a step: it is complete when its script ends.")

    def fail(self, error_details: Any = None, error_code: str | None = None, _set_status: bool = True) -> None:
        """Not for steps.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature(
            "Run.fail inside a step", "the exit code of its script decides", "an exception, or sys.exit(1)"
        )

    def cancel(self) -> None:
        """Ask for this step to be stopped."""
        self._write("status", status="CancelRequested")

    def __enter__(self) -> _SubmittedRun:
        return self

    def __exit__(self, *args: Any) -> None:
        # The platform owns the status; an exception goes on and makes the exit code.
        return None

    def _collect(self, path: str) -> None:
        upload_collected(self, self._directory, path)


def _working_directory() -> str:
    """Where the script began: scripts may change the folder before they ask for their run."""
    code = os.path.join(os.path.dirname(os.environ.get(step_context.VARIABLE, "")), "code")
    return code if os.path.isdir(code) else os.getcwd()


class InputDatasets(dict):  # type: ignore[type-arg]
    """A step's inputs by name. Datasets are read from the workspace when they are first asked for."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._unread: dict[str, Mapping[str, Any]] = {}

    def _declare(self, inputs: Mapping[str, Any]) -> None:
        for name, given in inputs.items():
            super().__setitem__(name, given.get("value"))
            if given.get("mode") == "direct" and given.get("kind") in ("file", "tabular"):
                self._unread[name] = {"dataset_id": given.get("value"), **given}

    def __getitem__(self, name: str) -> Any:
        if name in self._unread:
            from mlsteps.sdk.run_details import dataset_of_document

            super().__setitem__(name, dataset_of_document(self._workspace, self._unread[name]))
            del self._unread[name]
        if name not in self:
            raise KeyError(f"{name}: this step has no such input; it has {', '.join(self) or 'none'}")
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The input, or ``default``."""
        if name not in self:
            return default
        return self[name]

    def values(self) -> Any:
        """The inputs."""
        return [self[name] for name in self]

    def items(self) -> Any:
        """Names and inputs."""
        return [(name, self[name]) for name in self]

    def __copy__(self) -> dict[str, Any]:
        return dict(self.items())

    copy = __copy__


class OutputDatasets(dict):  # type: ignore[type-arg]
    """A step's outputs by name."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace

    def _declare(self, outputs: Mapping[str, Any]) -> None:
        for name, given in outputs.items():
            if str(given.get("kind", "")).startswith("link"):
                link = LinkOutput(self.workspace, name)
                link._file = given.get("path")
                self[name] = link
            else:
                self[name] = given.get("path")

    def __missing__(self, name: str) -> Any:
        raise KeyError(f"{name}: this step has no such output; it has {', '.join(self) or 'none'}")


class LinkOutput:
    """An output that is data which exists already: ``run.output_datasets[name].link(dataset)``."""

    def __init__(self, workspace: Workspace, name: str | None = None) -> None:
        self.workspace = workspace
        self.name = name
        self._file: str | None = None

    def link(self, dataset: Any, run: Run | None = None) -> None:
        """Make ``dataset`` the output; the runner takes it over when the script has ended well.

        :raises InvalidInput: for anything that is no FileDataset or TabularDataset.
        """
        definition = getattr(dataset, "_definition", None)
        if not callable(definition):
            raise InvalidInput(f"{dataset!r} cannot be linked", expected="a FileDataset or a TabularDataset")
        document = dict(definition())
        if self._file is None:
            raise InvalidInput(f"{self.name!r} is no output of a running step", expected="run.output_datasets[name]")
        with open(f"{self._file}.partial", "w", encoding="utf-8", errors="surrogatepass") as stream:
            json.dump(document, stream)
        os.replace(f"{self._file}.partial", self._file)
