"""``Experiment``: a named set of runs."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping

from mlsteps.errors import InvalidInput, UnsupportedFeature

if TYPE_CHECKING:
    from mlsteps.sdk.run import Run
    from mlsteps.sdk.workspace import Workspace

_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,254}\Z", re.ASCII)
#: Name space of experiments' ids.
_EXPERIMENTS = "3c1f1b52-5b0e-4c7a-9a0e-8f2d3e6a7b41"
#: What ``submit`` takes, whatever it submits; anything else the SDK passed over in silence.
_SUBMIT_ARGUMENTS = frozenset(
    (
        "continue_on_step_failure",
        "credential_passthrough",
        "parent_run_id",
        "pipeline_parameters",
        "pipeline_version",
        "regenerate_outputs",
    )
)


class ViewType:
    """Which experiments ``Experiment.list`` gives."""

    ActiveOnly = "ActiveOnly"
    All = "All"
    ArchivedOnly = "ArchivedOnly"


class Experiment:
    """An experiment of a workspace. Making the object reads and writes nothing; its first run makes it known.

    :param name: begins with a letter or digit; then letters, digits, ``_`` and ``-``; at most 255.
    :raises InvalidInput: for another name.
    """

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        _skip_name_validation: bool = False,
        _id: str | None = None,
        _archived_time: Any = None,
        _create_in_cloud: bool = True,
        _experiment_dto: Any = None,
        **kwargs: Any,
    ) -> None:
        if not _skip_name_validation and (not isinstance(name, str) or not _NAME.match(name)):
            raise InvalidInput(
                f"The experiment's name is {name!r}",
                expected="1 to 255 letters, digits, '_' and '-', beginning with a letter or digit",
            )
        if not hasattr(workspace, "_reference"):
            raise InvalidInput(f"The experiment's workspace is {workspace!r}", expected="a Workspace")
        self._workspace = workspace
        self._name = name

    # What it is

    @property
    def workspace(self) -> Workspace:
        """The workspace it belongs to."""
        return self._workspace

    @property
    def workspace_object(self) -> Workspace:
        """As :attr:`workspace`."""
        return self._workspace

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def id(self) -> str:
        """An id that follows from the workspace and the name."""
        import uuid  # slow to import for what few scripts ask

        path = f"{self._workspace.subscription_id}/{self._workspace.name}/{self._name}"
        return str(uuid.uuid5(uuid.UUID(_EXPERIMENTS), path))

    @property
    def tags(self) -> Dict[str, Any]:
        """The experiment's tags."""
        return dict(self._document().get("tags") or {})

    @property
    def archived_time(self) -> str | None:
        """When it was archived; None while it is active."""
        from mlsteps.sdk.run_details import utc

        return utc(self._document().get("archived"))

    # Runs

    def submit(self, config: Any, tags: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """Run a Pipeline, PublishedPipeline, PipelineEndpoint or ScriptRunConfig; returns at once.

        :param kwargs: ``pipeline_parameters``, ``continue_on_step_failure``, ``regenerate_outputs``,
            ``parent_run_id``, ``pipeline_version``; others warn and have no effect, where the SDK said nothing.
        :raises UnsupportedFeature: inside a step.
        """
        from mlsteps.sdk import step_context

        unknown = sorted(set(kwargs) - _SUBMIT_ARGUMENTS)
        if unknown:
            import warnings

            warnings.warn(f"Experiment.submit does not know {', '.join(unknown)}; without effect.", stacklevel=2)
        if step_context.current() is not None:
            raise UnsupportedFeature("Experiment.submit inside a step", "a step cannot reach Airflow")
        from mlsteps.client.submit import submit

        known = {key: value for key, value in kwargs.items() if key in _SUBMIT_ARGUMENTS}
        return submit(self._workspace, self._name, config, tags=tags, **known)

    def start_logging(self, *args: Any, **kwargs: Any) -> Run:
        """Begin an interactive run, ended by ``complete()`` or as a context manager.

        :param kwargs: ``outputs``: a folder kept with the run at its end (default ``outputs`` when it is there, False
            for none); ``snapshot_directory``: a folder kept as its source (default none); ``display_name``.
        """
        import uuid

        from mlsteps.sdk.run import Run
        from mlsteps.sdk.run_types import INTERACTIVE

        run_id = str(uuid.uuid4())
        self._workspace._run_store().create(
            run_id, experiment=self._name, type=INTERACTIVE, name=kwargs.get("display_name")
        )
        outputs = kwargs.get("outputs", "outputs")
        run = Run(self, run_id, outputs=outputs if isinstance(outputs, str) else None)
        run.start()
        if kwargs.get("snapshot_directory"):
            run.take_snapshot(kwargs["snapshot_directory"])
        return run

    def get_runs(
        self, type: str | None = None, tags: Any = None, properties: Any = None, include_children: bool = False
    ) -> Iterator[Run]:
        """The experiment's runs, newest first; filters as for ``Run.get_children``."""
        from mlsteps.sdk.run import Run

        return Run.list(self, type=type, tags=tags, properties=properties, include_children=include_children)

    # Tags and archive

    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags; others stay."""
        texts = {str(key): None if value is None else str(value) for key, value in tags.items()}
        self._change(tags={**self.tags, **texts})

    def remove_tags(self, tags: Any) -> None:
        """Remove tags by key."""
        gone = [tags] if isinstance(tags, str) else list(tags)
        self._change(tags={key: value for key, value in self.tags.items() if key not in gone})

    def archive(self) -> None:
        """Leave it out of ``Experiment.list``; its runs stay."""
        self._change(archived=time.time())

    def reactivate(self, new_name: str | None = None) -> None:
        """Undo :meth:`archive`.

        :raises UnsupportedFeature: for a new name: runs are stored under the experiment's name.
        """
        if new_name is not None and new_name != self._name:
            raise UnsupportedFeature("Experiment.reactivate with a new name", "runs lie under the experiment's name")
        self._change(archived=None)

    def refresh(self) -> None:
        """Nothing to do: everything is read when it is asked for."""

    # All of them

    @staticmethod
    def list(
        workspace: Workspace,
        experiment_name: str | None = None,
        view_type: str = ViewType.ActiveOnly,
        tags: Any = None,
    ) -> List[Experiment]:
        """The workspace's experiments."""
        from mlsteps.sdk.run_types import matches

        found = []
        for name in workspace._run_store().experiments():
            experiment = Experiment(workspace, name, _skip_name_validation=True)
            document = experiment._document()
            archived = document.get("archived") is not None
            if experiment_name not in (None, name) or not matches(tags, document.get("tags") or {}):
                continue
            if view_type == ViewType.All or archived == (view_type == ViewType.ArchivedOnly):
                found.append(experiment)
        return found

    @staticmethod
    def delete(workspace: Workspace, experiment_id: str) -> None:
        """Not offered: deleting an experiment would take records of results that other runs reuse.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature("Experiment.delete", "runs hold what later runs reuse", "archive()")

    @staticmethod
    def from_directory(path: str, auth: Any = None) -> Experiment:
        """A legacy of project folders.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature("Experiment.from_directory", "", "Experiment(workspace, name)")

    @classmethod
    def get_docs_url(cls) -> str:
        """The SDK's page about experiments."""
        return "https://docs.microsoft.com/python/api/azureml-core/azureml.core.Experiment"

    def get_portal_url(self) -> str:
        """Where the experiment's runs lie."""
        from mlsteps.registry.names import file_name

        return str(self._workspace._store().store.url_of(f"experiments/{file_name(self._name)}"))

    @property
    def portal_url(self) -> str:
        """The same as :meth:`get_portal_url`."""
        return self.get_portal_url()

    # For mlsteps

    def _path(self) -> str:
        from mlsteps.registry.names import file_name

        return f"experiments/{file_name(self._name)}/experiment.json"

    def _document(self) -> Dict[str, Any]:
        return dict(self._workspace._store().read_json(self._path()) or {})

    def _change(self, **changes: Any) -> None:
        document = {**self._document(), **changes}
        self._workspace._store().write_json(
            self._path(), {key: value for key, value in document.items() if value is not None}
        )

    def __repr__(self) -> str:
        return f"Experiment(Name: {self._name}, Workspace: {self._workspace.name})"
