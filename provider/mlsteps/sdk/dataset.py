"""``Dataset``: the SDK's door to datasets."""

from __future__ import annotations

from typing import Any, NoReturn

from mlsteps.errors import UnsupportedFeature
from mlsteps.sdk.abstract_dataset import AbstractDataset
from mlsteps.sdk.dataset_factory import FileDatasetFactory, TabularDatasetFactory

_LEGACY = "it belongs to the dataset interface that the SDK dropped in 2019"
_INSTEAD = {
    "from_delimited_files": "Dataset.Tabular.from_delimited_files",
    "auto_read_files": "Dataset.Tabular.from_delimited_files",
    "from_parquet_files": "Dataset.Tabular.from_parquet_files",
    "from_json_files": "Dataset.Tabular.from_json_lines_files",
    "from_sql_query": "Dataset.Tabular.from_sql_query",
    "from_excel_files": "pandas.read_excel and Dataset.Tabular.register_pandas_dataframe",
    "from_pandas_dataframe": "Dataset.Tabular.register_pandas_dataframe",
    "from_binary_files": "Dataset.File.from_files",
    "get": "Dataset.get_by_name or Dataset.get_by_id",
    "list": "Dataset.get_all",
}


class _Legacy(type):
    def __getattr__(cls, name: str) -> Any:
        if name in _INSTEAD:
            raise UnsupportedFeature(f"Dataset.{name}", _LEGACY, _INSTEAD[name])
        raise AttributeError(f"type object 'Dataset' has no attribute {name!r}")


class Dataset(metaclass=_Legacy):
    """``Dataset.File``, ``Dataset.Tabular``, and saved datasets by name and id (SDK: azureml.core.Dataset)."""

    File = FileDatasetFactory
    Tabular = TabularDatasetFactory
    get_by_name = staticmethod(AbstractDataset.get_by_name)
    get_by_id = staticmethod(AbstractDataset.get_by_id)
    get_all = staticmethod(AbstractDataset.get_all)

    def __init__(self, definition: Any, workspace: Any = None, name: str | None = None, id: str | None = None) -> None:
        _refuse_object()


def _refuse_object() -> NoReturn:
    raise UnsupportedFeature("Dataset(...)", _LEGACY, "Dataset.File.from_files or Dataset.Tabular.from_delimited_files")
