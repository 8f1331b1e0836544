"""``DataReference``: a place in a datastore that a step reads (and, mounted, may write)."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from mlsteps.errors import InvalidInput
from mlsteps.sdk.binding import REFERENCE_PLACEHOLDER, InputRequest
from mlsteps.sdk.data_names import derived_name

if TYPE_CHECKING:
    from mlsteps.sdk.abstract_datastore import AbstractDatastore
    from mlsteps.sdk.datapath import DataPath, DataPathComputeBinding

MODES = ("mount", "download", "upload")


class DataReference:
    """A file or folder in a datastore.

    As a step's argument, and as text, it stands for its local path in the step; the variable
    ``AZUREML_DATAREFERENCE_<name>`` carries that path too (SDK: DataReference).

    :param datastore: the datastore.
    :param data_reference_name: letters, digits and ``_``; None derives one from the datastore and the path.
    :param path_on_datastore: relative path; None for the datastore's root.
    :param mode: ``mount``, ``download`` or ``upload``.
    :param path_on_compute: where the step finds it; relative to its working directory unless absolute.
    :param overwrite: replace what lies at ``path_on_compute``.
    """

    def __init__(
        self,
        datastore: AbstractDatastore,
        data_reference_name: str | None = None,
        path_on_datastore: str | None = None,
        mode: str = "mount",
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        if mode not in MODES:
            raise InvalidInput(f"The mode of a DataReference is {mode!r}", expected=f"one of {', '.join(MODES)}")
        if getattr(datastore, "name", None) is None:
            raise InvalidInput(
                f"The datastore of a DataReference is {datastore!r}",
                expected="a datastore",
                mend="use Datastore.get(workspace, name)",
            )
        self.datastore = datastore
        self.data_reference_name = _reference_name(datastore.name, data_reference_name, path_on_datastore)
        self.path_on_datastore = path_on_datastore
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite

    @property
    def _path_on_datastore(self) -> str | None:
        # Public code reads the SDK's private spelling.
        return self.path_on_datastore

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """A reference to a place below this one.

        :param path: relative to this reference; None for the same place.
        """
        below = "/".join(part.strip("/") for part in (self.path_on_datastore, path) if part and part.strip("/"))
        return DataReference(
            self.datastore, data_reference_name, below or None, self.mode, self.path_on_compute, self.overwrite
        )

    def as_download(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:
        """The same place, copied to the compute before the step starts."""
        return self._in_mode("download", path_on_compute, overwrite)

    def as_upload(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:
        """The same place, filled from ``path_on_compute`` when the step has ended."""
        return self._in_mode("upload", path_on_compute, overwrite)

    def as_mount(self) -> DataReference:
        """The same place, mounted."""
        return self._in_mode("mount", None, False)

    def to_config(self) -> Any:
        """This reference as a ``DataReferenceConfiguration`` of a run configuration."""
        from mlsteps.sdk.runconfig import DataReferenceConfiguration

        return DataReferenceConfiguration(
            datastore_name=self.datastore.name,
            mode=self.mode,
            path_on_datastore=self.path_on_datastore,
            path_on_compute=self.path_on_compute,
            overwrite=self.overwrite,
        )

    @staticmethod
    def create(
        data_reference_name: str | None = None,
        datapath: DataPath | None = None,
        datapath_compute_binding: DataPathComputeBinding | None = None,
    ) -> DataReference:
        """A reference to the place of a :class:`DataPath`.

        :raises InvalidInput: without a datapath.
        """
        if datapath is None:
            raise InvalidInput("DataReference.create was given no datapath", expected="a DataPath")
        return datapath.create_data_reference(data_reference_name, datapath_compute_binding)

    def __str__(self) -> str:
        return REFERENCE_PLACEHOLDER + self.data_reference_name

    def __repr__(self) -> str:
        return (
            f"DataReference({self.datastore.name!r}, {self.data_reference_name!r}, "
            f"path_on_datastore={self.path_on_datastore!r}, mode={self.mode!r})"
        )

    def _in_mode(self, mode: str, path_on_compute: str | None, overwrite: bool) -> DataReference:
        other = copy.copy(self)
        other.mode, other.path_on_compute, other.overwrite = mode, path_on_compute, overwrite
        return other

    def _input_request(self) -> InputRequest:
        path = (self.path_on_datastore or "").strip("/")
        return InputRequest(
            name=self.data_reference_name,
            source={"datapath": {"datastore": self.datastore.name, "path": path}},
            kind="reference",
            mode=self.mode,
            path_on_compute=self.path_on_compute,
            overwrite=bool(self.overwrite),
            variable=f"AZUREML_DATAREFERENCE_{self.data_reference_name}",
        )


def _reference_name(datastore: str, name: str | None, path: str | None) -> str:
    if name is None:
        base = re.sub(r"[^A-Za-z0-9_]", "_", datastore)
        return derived_name(base, path) if path and path.strip("/") else base
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise InvalidInput(
            f"A DataReference is named {name!r}",
            expected="letters, digits and '_'",
            mend="give another data_reference_name",
        )
    return name
