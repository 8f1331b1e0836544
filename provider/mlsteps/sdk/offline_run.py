"""``_OfflineRun``: what ``Run.get_context()`` gives outside a step. It prints, and keeps what it is given in memory."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Sequence

from mlsteps.errors import UnsupportedFeature, UserErrorException
from mlsteps.sdk.metrics import MetricLogging, chart_value

if TYPE_CHECKING:
    from mlsteps.sdk.experiment import Experiment
    from mlsteps.sdk.model import Model


class _OfflineRun(MetricLogging):
    """A run of nothing: a script tried out by hand.

    The SDK's has fewer members; here ``experiment``, ``parent``, ``input_datasets``, ``get_metrics`` and others work,
    so that a script need not ask where it runs.
    """

    def __init__(self, parent_logger: Any = None, run_id: str | None = None, **kwargs: Any) -> None:
        self._id = run_id or f"OfflineRun_{uuid.uuid4()}"
        self._events: list[dict[str, Any]] = []
        self._status = "Running"
        self._tags: dict[str, Any] = {}
        self._properties: dict[str, Any] = {}
        self._children: list[_OfflineRun] = []
        self._experiment: Experiment | None = None
        self.display_name = self._id
        self.description: str | None = None
        self.parent: _OfflineRun | None = None
        self.input_datasets: dict[str, Any] = {}
        self.output_datasets: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """``OfflineRun_`` and a random part."""
        return self._id

    @property
    def name(self) -> str:
        """As ``display_name``."""
        return self.display_name

    @property
    def type(self) -> str:
        """``OfflineRun``."""
        return "OfflineRun"

    @property
    def number(self) -> int:
        """Always 1."""
        return 1

    @property
    def experiment(self) -> Experiment:
        """An experiment ``offline`` of the workspace that ``Workspace.from_config()`` finds."""
        if self._experiment is None:
            from mlsteps.sdk.experiment import Experiment
            from mlsteps.sdk.workspace import Workspace

            self._experiment = Experiment(Workspace.from_config(), "offline")
        return self._experiment

    @property
    def status(self) -> str:
        """``Running``, or what it was set to."""
        return self._status

    @property
    def tags(self) -> dict[str, Any]:
        """The tags."""
        return dict(self._tags)

    @property
    def properties(self) -> dict[str, Any]:
        """The properties."""
        return dict(self._properties)

    # Tags and properties

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Print and keep properties."""
        print(f"Attempted to add properties to the run: {dict(properties)}")
        self._properties.update({key: str(value) for key, value in properties.items()})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Print and keep tags."""
        print(f"Attempted to add tags: {dict(tags)}")
        self._tags.update({key: str(value) for key, value in tags.items()})

    def tag(self, name: str, value: Any = None) -> None:
        """Print and keep a tag."""
        print(f"Attempted to set the tag {name} to {value}")
        self._tags[name] = None if value is None else str(value)

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Forget tags."""
        for key in [tags] if isinstance(tags, str) else tags:
            self._tags.pop(key, None)

    def get_tags(self) -> dict[str, Any]:
        """The tags."""
        return dict(self._tags)

    def get_properties(self) -> dict[str, Any]:
        """The properties."""
        return dict(self._properties)

    # Metrics

    def _emit(self, name: str, value: Any, kind: str, description: str | None, step: int | None = None) -> None:
        print(f"Attempted to log {kind} metric {name}:\n{value}")
        self._events.append({"name": str(name), "value": value, "type": kind})

    def _keep_image(self, file: str, artifact: str) -> str:
        return artifact

    def log_residuals(self, name: str, value: Any, description: str | None = None) -> None:
        """Print residuals."""
        self._emit(name, chart_value(name, value), "residuals", description)

    def log_predictions(self, name: str, value: Any, description: str | None = None) -> None:
        """Print predictions."""
        self._emit(name, chart_value(name, value), "predictions", description)

    def log_accuracy_table(self, name: str, value: Any, description: str | None = None) -> None:
        """Print an accuracy table."""
        self._emit(name, chart_value(name, value), "accuracy_table", description)

    def log_confusion_matrix(self, name: str, value: Any, description: str | None = None) -> None:
        """Print a confusion matrix."""
        self._emit(name, chart_value(name, value), "confusion_matrix", description)

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> dict[str, Any]:
        """What was logged on this object, as ``Run.get_metrics`` gives it."""
        from mlsteps.registry.metrics import fold

        return fold([event for event in self._events if name is None or event["name"] == name])

    # Files

    def upload_folder(self, name: str, path: str, datastore_name: str | None = None) -> None:
        """Print; nothing is kept.

        :raises UserErrorException: when the folder does not exist: the script would fail as a step, too.
        """
        if not os.path.isdir(path):
            raise UserErrorException(f"The folder {path!r}, to be uploaded as {name!r}, does not exist.")
        print(f"Attempted to upload folder {path} to {name}")

    def upload_files(
        self,
        name: Sequence[str],
        paths: Sequence[str],
        return_artifacts: bool = False,
        timeout_seconds: int | None = None,
        datastore_name: str | None = None,
    ) -> None:
        """Print; nothing is kept."""
        for each, path in zip(name, paths):
            self.upload_file(each, path)

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Print; nothing is kept.

        :raises UserErrorException: when the file does not exist.
        """
        if not hasattr(path_or_stream, "read") and not os.path.isfile(path_or_stream):
            raise UserErrorException(f"The file {path_or_stream!r}, to be uploaded as {name!r}, does not exist.")
        print(f"Attempted to upload file {path_or_stream} to {name}")

    def get_file_names(self) -> list[str]:
        """Always empty."""
        return []

    def download_file(self, name: str, output_file_path: str | None = None, _validate_checksum: bool = False) -> None:
        """There is nothing to download.

        :raises UserErrorException: always.
        """
        raise UserErrorException(f"An offline run keeps no files; there is no {name!r}.")

    def register_model(self, model_name: str, model_path: str | None = None, **kwargs: Any) -> Model:
        """Register a local file or folder in the workspace that ``Workspace.from_config()`` finds."""
        from mlsteps.sdk.model import Model

        return Model.register(self.experiment.workspace, model_path or model_name, model_name, **kwargs)

    # Status

    def start(self) -> None:
        """Has no effect."""

    def complete(self) -> None:
        """Print and take note."""
        print("Marked the offline run as completed")
        self._status = "Completed"

    def fail(self, error_details: Any = None, error_code: str | None = None) -> None:
        """Print and take note."""
        print(f"Marked the offline run as failed: {error_details}")
        self._status = "Failed"

    def cancel(self) -> None:
        """Print and take note."""
        print("Marked the offline run as canceled")
        self._status = "Canceled"

    def get_status(self) -> str:
        """``Running``, or what it was set to."""
        return self._status

    def get_details(self) -> dict[str, Any]:
        """The keys of ``Run.get_details`` as far as there is anything to say."""
        return {
            "runId": self.id,
            "target": "local",
            "status": self._status,
            "properties": self.properties,
            "inputDatasets": [],
            "outputDatasets": [],
            "logFiles": {},
        }

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """There is nothing to wait for."""
        return self.get_details()

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> _OfflineRun:
        """Another offline run, whose parent this is."""
        child = _OfflineRun(run_id=run_id)
        child.parent = self
        child.display_name = name or child.id
        self._children.append(child)
        return child

    def get_children(self, recursive: bool = False, **kwargs: Any) -> list[_OfflineRun]:
        """The runs that :meth:`child_run` made."""
        return list(self._children)

    def get_secret(self, name: str) -> str:
        """A secret of the workspace that ``Workspace.from_config()`` finds."""
        return str(self.experiment.workspace.get_default_keyvault().get_secret(name))

    def submit_child(self, config: Any, tags: Any = None, **kwargs: Any) -> Any:
        """Not offline.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature("submit_child on an offline run", "", "Experiment.submit")

    def flush(self, timeout_seconds: int = 300) -> None:
        """Nothing to wait for."""

    def __enter__(self) -> _OfflineRun:
        return self

    def __exit__(self, exit_type: Any, value: BaseException | None, traceback: Any) -> None:
        if value is None:
            self.complete()
        else:
            self.fail(error_details=value)

    def __repr__(self) -> str:
        return f"Run(OfflineRun, Id: {self._id})"
