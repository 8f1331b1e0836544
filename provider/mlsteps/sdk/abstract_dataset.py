"""``AbstractDataset``: what file and tabular datasets share: definition, registration, use as an input."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar, Mapping, Sequence, TypeVar

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk import dataset_access as access
from mlsteps.sdk.binding import InputRequest
from mlsteps.sdk.consumption import DatasetConsumptionConfig
from mlsteps.sdk.data_names import derived_name
from mlsteps.sdk.expressions import Expression, column

D = TypeVar("D", bound="AbstractDataset")


class _Factory:
    """A factory as an attribute of every dataset class, as in the SDK; looked up late, as factories make datasets."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        from mlsteps.sdk import dataset_factory

        return getattr(dataset_factory, self.name)


class AbstractDataset:
    """A description of data, never the data: where it lies, how to read it, what to do with it.

    Datasets do not change; every transformation gives a new, unregistered one. Nothing is read until data is asked
    for, also with ``validate=True``: that check is made when the dataset is registered or first read, so that a DAG
    file costs no I/O when it is parsed.
    """

    File = _Factory("FileDatasetFactory")
    Tabular = _Factory("TabularDatasetFactory")
    _data_kind: ClassVar[str] = ""

    def __init__(self) -> None:
        raise InvalidInput(
            f"{type(self).__name__} is not made directly",
            expected="Dataset.File.from_files(...), Dataset.Tabular.from_..., or Dataset.get_by_name(workspace, name)",
        )

    @classmethod
    def _create(
        cls: type[D],
        definition: Mapping[str, Any],
        workspace: Any = None,
        document: Mapping[str, Any] | None = None,
        validate: bool = False,
    ) -> D:
        """:param document: the registry's document of a saved dataset; None for one that is not saved."""
        dataset = cls.__new__(cls)
        dataset._definition_data = dict(definition)
        dataset._workspace = workspace
        dataset._document = dict(document or {})
        dataset._validate = validate
        dataset._followed_latest = False
        return dataset

    _definition_data: dict[str, Any]
    _workspace: Any
    _document: dict[str, Any]
    _validate: bool
    _followed_latest: bool

    # -- what it is

    @property
    def id(self) -> str | None:
        """Id of a saved dataset; None for one that was never saved, as in the SDK."""
        return self._document.get("id")

    @property
    def name(self) -> str | None:
        """Registered name; None when it is not registered."""
        return self._document.get("name")

    @property
    def version(self) -> int | None:
        """Registered version; None when it is not registered."""
        return self._document.get("version")

    @property
    def description(self) -> str | None:
        """Registered description."""
        return self._document.get("description")

    @property
    def tags(self) -> dict[str, str]:
        """Registered tags."""
        return dict(self._document.get("tags") or {})

    @property
    def data_changed_time(self) -> datetime.datetime | None:
        """When the newest of its files was written (UTC); None when the store does not say. Lists the files."""
        stamps = [item.stamp for item in self._files()]
        nanoseconds = [int(stamp) for stamp in stamps if stamp.isdigit()]
        if not nanoseconds:
            return None
        return datetime.datetime.fromtimestamp(max(nanoseconds) / 1e9, datetime.timezone.utc)

    @property
    def partition_keys(self) -> list[str]:
        """Names in the partition format."""
        from mlsteps.tables.partitions import partition_keys

        return partition_keys(self._definition_data.get("partition_format"))

    def __getitem__(self, key: Any) -> Expression:
        """An expression over a column, for ``filter``: ``dataset["age"] > 18``."""
        return column(key)

    def __repr__(self) -> str:
        title = f"{self.name} version {self.version}" if self.name else access.describe(self._definition_data)
        return f"<{type(self).__name__}: {title}>"

    # -- finding saved ones

    @staticmethod
    def get_by_name(workspace: Any, name: str, version: Any = "latest", **kwargs: Any) -> Any:
        """A registered dataset.

        :param version: a number, or ``latest``: then a pipeline takes the latest there is when it runs.
        :raises UserErrorException: when there is none; names those that exist.
        """
        from mlsteps.registry import datasets

        document = datasets.get(workspace._store(), name, version)
        if document is None:
            raise UserErrorException(_not_found(workspace, name, version))
        dataset = dataset_of(document["definition"], workspace, document)
        dataset._followed_latest = version in ("latest", None)
        return dataset

    @staticmethod
    def get_by_id(workspace: Any, id: str, **kwargs: Any) -> Any:
        """A saved dataset, registered or not.

        :raises UserErrorException: when there is none.
        """
        from mlsteps.registry import datasets

        document = datasets.get_by_id(workspace._store(), id)
        if document is None:
            raise UserErrorException(
                f"There is no dataset with id {id!r} in workspace {workspace.name!r}. "
                "An argument that holds a path is no id: tabular inputs are passed by id, files by path."
            )
        return dataset_of(document["definition"], workspace, document)

    @staticmethod
    def get_all(workspace: Any) -> dict[str, Any]:
        """The latest version of each registered dataset by name."""
        from mlsteps.registry import datasets

        store = workspace._store()
        found = {name: datasets.get(store, name) for name in datasets.names(store)}
        return {
            name: dataset_of(document["definition"], workspace, document)
            for name, document in found.items()
            if document is not None
        }

    # -- registration

    def register(
        self: D,
        workspace: Any,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        create_new_version: bool = False,
    ) -> D:
        """Save it under a name. The same definition again gives the version there is.

        :param create_new_version: allow a definition other than the registered one, as the next version.
        :raises UserErrorException: when the name has another definition and ``create_new_version`` is off.
        :raises DatasetValidationError: when it was made with ``validate=True`` and its paths name no file.
        """
        from mlsteps.registry import datasets

        definition = self._definition()
        self._check_once(workspace)
        document = datasets.register(
            workspace._store(),
            name,
            definition,
            description=description,
            tags=tags,
            create_new_version=create_new_version,
        )
        return type(self)._create(definition, workspace, document)

    def update(self: D, description: str | None = None, tags: Mapping[str, str] | None = None) -> D:
        """Change the description, the tags, or both, of the registered version."""
        changes = {"description": description, "tags": None if tags is None else dict(tags)}
        return self._change(**{key: value for key, value in changes.items() if value is not None})

    def add_tags(self: D, tags: Mapping[str, str] | None = None) -> D:
        """Add to the tags of the registered version."""
        return self._change(tags={**self.tags, **(tags or {})})

    def remove_tags(self: D, tags: Sequence[str] | None = None) -> D:
        """Remove tags, by their names, from the registered version."""
        gone = set(tags or ())
        return self._change(tags={key: value for key, value in self.tags.items() if key not in gone})

    def unregister_all_versions(self) -> None:
        """Forget the name and all its versions; the data stays."""
        from mlsteps.registry import datasets

        datasets.unregister(self._registered("unregister_all_versions")._store(), str(self.name))
        for key in ("name", "version", "description", "tags"):
            self._document.pop(key, None)

    # -- as an input

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """This dataset as an input of a step: direct, unless ``as_mount()`` or ``as_download()`` follows."""
        return DatasetConsumptionConfig(name, self)

    def get_partition_key_values(self, partition_keys: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The distinct values of the partition keys.

        :param partition_keys: some of :attr:`partition_keys`; None for all.
        :raises InvalidInput: for keys that the partition format does not hold, and without one.
        """
        from mlsteps.tables.partitions import distinct_values

        return distinct_values(self._files(), self._definition().get("partition_format"), partition_keys)

    # -- inside

    def _definition(self) -> dict[str, Any]:
        """The definition (``contracts.dataset``)."""
        return self._definition_data

    def _source(self) -> dict[str, Any]:
        """The graph source: the registered name where there is one, else the definition."""
        if self.name is None:
            return {"dataset": self._definition()}
        version = "latest" if self._followed_latest else self.version
        return {"registered": {"name": self.name, "version": version}}

    def _keep(self, workspace: Any) -> None:
        """Save it in a workspace, unless it is saved: from then on it has an id."""
        from mlsteps.registry import datasets

        if self.id is None:
            self._document["id"] = datasets.save(workspace._store(), self._definition())

    def _files(self, missing_ok: bool = False) -> access.Files:
        return access.files_of(self._definition(), self._workspace, missing_ok)

    def _check_once(self, workspace: Any) -> None:
        if self._validate:
            access.check_files(self._definition(), self._workspace or workspace)
            self._validate = False

    def _with(self: D, operation: Mapping[str, Any] | None = None, **changes: Any) -> D:
        """A new dataset with one more operation, or with other parts of the definition."""
        definition = {**self._definition(), **changes}
        if operation is not None:
            definition["operations"] = [*definition.get("operations", []), dict(operation)]
        return type(self)._create(definition, self._workspace, validate=self._validate)

    def _unnamed_input(self, mode: str, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        source = self._source()
        name = derived_name("input", digest_of(source), mode, path_on_compute)
        return DatasetConsumptionConfig._unnamed(name, self, mode, path_on_compute)

    def _registered(self, what: str) -> Any:
        if self.name is None or self._workspace is None:
            raise UserErrorException(f"{what} needs a registered dataset, and this one is not. Register it first.")
        return self._workspace

    def _change(self: D, **changes: Any) -> D:
        from mlsteps.registry import datasets

        workspace = self._registered("update")
        self._document.update(datasets.update(workspace._store(), str(self.name), self.version or "latest", **changes))
        return self

    def _input_request(self) -> InputRequest:
        mend = "dataset.as_named_input('name')"
        raise InvalidInput(
            f"A step was given {self!r} itself as an input",
            expected="a named input",
            mend=mend if self._data_kind == "tabular" else f"{mend}.as_mount(), or .as_download()",
        )


def dataset_of(
    definition: Mapping[str, Any], workspace: Any = None, document: Mapping[str, Any] | None = None
) -> AbstractDataset:
    """The FileDataset or TabularDataset that a definition describes.

    :param document: the registry's document when the dataset is saved: ``id``, ``name``, ``version``, ...
    """
    if definition["type"] == "tabular":
        from mlsteps.sdk.tabular_dataset import TabularDataset

        return TabularDataset._create(definition, workspace, document)
    from mlsteps.sdk.file_dataset import FileDataset

    return FileDataset._create(definition, workspace, document)


def _not_found(workspace: Any, name: str, version: Any) -> str:
    from mlsteps.registry import datasets

    store = workspace._store()
    known = datasets.versions(store, name)
    if known:
        return f"Dataset {name!r} has no version {version!r}; it has {', '.join(map(str, known))}."
    names = ", ".join(datasets.names(store)) or "none"
    return f"There is no dataset {name!r} in workspace {workspace.name!r}. It has: {names}."
