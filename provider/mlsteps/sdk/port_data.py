"""``PortDataReference``: the place where a finished step left one of its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsteps.sdk.binding import REFERENCE_PLACEHOLDER, InputRequest
from mlsteps.sdk.pipeline_data import reference_variable

if TYPE_CHECKING:
    from mlsteps.sdk.ports import InputPortBinding


class OutputPlace:
    """Datastore and path of an output, looked up no further until its data is asked for."""

    def __init__(self, name: str, datastore_name: str, path_on_datastore: str) -> None:
        self.data_reference_name = name
        self.datastore_name = datastore_name
        self.path_on_datastore = path_on_datastore


class PortDataReference:
    """An output of a finished step (SDK docs: ``azureml.pipeline.core.PortDataReference``).

    :param context: the workspace; :param data_reference: an :class:`OutputPlace` or a ``DataReference``.
    """

    def __init__(self, context: Any, pipeline_run_id: str, data_reference: Any, step_run: Any = None) -> None:
        self._workspace = context
        self._place = data_reference
        self._step_run = step_run
        self.pipeline_run_id = pipeline_run_id
        self.data_reference_name = data_reference.data_reference_name

    @property
    def name(self) -> str:
        """Name of the output."""
        return str(self.data_reference_name)

    @property
    def datastore_name(self) -> str:
        """Name of the datastore it lies in."""
        name = getattr(self._place, "datastore_name", None)
        return str(name if name is not None else self._place.datastore.name)

    @property
    def datastore(self) -> Any:
        """The datastore it lies in."""
        from mlsteps.sdk.datastore import Datastore

        return Datastore.get(self._workspace, self.datastore_name)

    @property
    def path_on_datastore(self) -> str:
        """Where it lies: ``azureml/<step run id>/<output name>`` unless the output said otherwise."""
        return str(self._place.path_on_datastore)

    @property
    def _path_on_datastore(self) -> str:
        # Public code reads the SDK's private spelling.
        return self.path_on_datastore

    def download(self, local_path: str, overwrite: bool | None = None, show_progress: bool | None = None) -> int:
        """Copy the files to ``local_path/<path_on_datastore>/...``, as the SDK lays them out.

        :param overwrite: replace files that are there; default no.
        :returns: how many files were copied.
        """
        from mlsteps.sdk.datastore_transfer import download

        store = self.datastore._open()
        show = True if show_progress is None else show_progress
        return download(store, str(local_path), self.path_on_datastore, bool(overwrite), show)

    def as_download(
        self, input_name: str | None = None, path_on_compute: str | None = None, overwrite: bool | None = None
    ) -> InputPortBinding:
        """As a downloaded input of a later pipeline."""
        return self.create_input_binding(input_name, "download", path_on_compute, overwrite)

    def as_mount(self, input_name: str | None = None) -> InputPortBinding:
        """As a mounted input of a later pipeline."""
        return self.create_input_binding(input_name, "mount")

    def as_input(self, input_name: str) -> InputPortBinding:
        """As an input of this name."""
        return self.create_input_binding(input_name)

    def create_input_binding(
        self,
        input_name: str | None = None,
        mode: str | None = None,
        path_on_compute: str | None = None,
        overwrite: bool | None = None,
    ) -> InputPortBinding:
        """As an input of a later pipeline, with all its settings."""
        from mlsteps.sdk.ports import InputPortBinding

        return InputPortBinding(input_name or self.name, self, mode or "mount", path_on_compute, overwrite)

    def __str__(self) -> str:
        return REFERENCE_PLACEHOLDER + self.name

    def _input_request(self) -> InputRequest:
        place = {"datastore": self.datastore_name, "path": self.path_on_datastore}
        return InputRequest(self.name, {"datapath": place}, variable=reference_variable(self.name))
