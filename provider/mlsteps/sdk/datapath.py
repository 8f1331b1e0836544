"""``DataPath``: a place in a datastore as a value, and how a step takes it (``DataPathComputeBinding``)."""

from __future__ import annotations

from typing import Any

from mlsteps.errors import InvalidInput
from mlsteps.sdk.data_reference import MODES, DataReference


class DataPath:
    """A path in a datastore; the value of a pipeline parameter, or the ``path`` of a dataset.

    :param datastore: a datastore; None is allowed, as in the SDK, until the path is used.
    :param path_on_datastore: relative path; None for the root.
    :param name: a name for a reader; it has no effect.
    """

    def __init__(self, datastore: Any = None, path_on_datastore: str | None = None, name: str | None = None) -> None:
        self._datastore = datastore
        self._path_on_datastore = path_on_datastore
        self._name = name

    @property
    def datastore_name(self) -> str | None:
        """Name of the datastore."""
        return None if self._datastore is None else str(self._datastore.name)

    @property
    def path_on_datastore(self) -> str | None:
        """The path as given."""
        return self._path_on_datastore

    def create_data_reference(
        self, data_reference_name: str | None = None, datapath_compute_binding: DataPathComputeBinding | None = None
    ) -> DataReference:
        """A :class:`DataReference` to this place, taken as the binding says (default: mounted)."""
        binding = datapath_compute_binding or DataPathComputeBinding()
        return DataReference(
            self._required_datastore(),
            data_reference_name,
            self._path_on_datastore,
            binding.mode,
            binding.path_on_compute,
            binding.overwrite,
        )

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPath:
        """The place that a reference points to."""
        return DataPath(data_reference.datastore, data_reference.path_on_datastore, data_reference.data_reference_name)

    def _required_datastore(self) -> Any:
        if self._datastore is None:
            raise InvalidInput(
                f"The DataPath {self._path_on_datastore!r} has no datastore",
                expected="DataPath(datastore, path_on_datastore)",
            )
        return self._datastore

    def _to_json(self) -> dict[str, Any]:
        """``{"datastore": name, "path": path}``, the value of a ``datapath`` parameter."""
        return {"datastore": self._required_datastore().name, "path": (self._path_on_datastore or "").strip("/")}

    def __repr__(self) -> str:
        return f"DataPath({self.datastore_name!r}, {self._path_on_datastore!r})"


class DataPathComputeBinding:
    """How a step takes a :class:`DataPath` parameter: ``(parameter, DataPathComputeBinding(mode="mount"))``.

    :param mode: ``mount``, ``download`` or ``upload``.
    :param path_on_compute: where the step finds it.
    :param overwrite: replace what lies there.
    """

    def __init__(self, mode: str = "mount", path_on_compute: str | None = None, overwrite: bool = False) -> None:
        if mode not in MODES:
            raise InvalidInput(
                f"The mode of a DataPathComputeBinding is {mode!r}", expected=f"one of {', '.join(MODES)}"
            )
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite

    def create_data_reference(
        self, data_reference_name: str | None = None, datapath: DataPath | None = None
    ) -> DataReference:
        """A reference to ``datapath``, taken as this binding says."""
        return DataReference.create(data_reference_name, datapath, self)

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPathComputeBinding:
        """How a reference is taken."""
        return DataPathComputeBinding(data_reference.mode, data_reference.path_on_compute, data_reference.overwrite)

    def __repr__(self) -> str:
        return f"DataPathComputeBinding(mode={self.mode!r}, path_on_compute={self.path_on_compute!r})"
