"""Small types of ``azureml.data``: column types, header and encoding choices."""

from __future__ import annotations

from enum import Enum
from typing import Any, Mapping, Sequence

from mlsteps.errors import InvalidInput


class PromoteHeadersBehavior(Enum):
    """How column names are read from delimited files; values as in the SDK."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = 1
    COMBINE_ALL_FILES_HEADERS = 2
    ALL_FILES_HAVE_SAME_HEADERS = 3


class FileEncoding(Enum):
    """Encodings of the SDK's older dataset interface."""

    UTF8 = 0
    ISO88591 = 1
    LATIN1 = 2
    ASCII = 3
    UTF16 = 4
    UTF32 = 5
    UTF8BOM = 6
    WINDOWS1252 = 7


class SkipLinesBehavior(Enum):
    """Which leading lines are left out, in the SDK's older dataset interface."""

    NO_ROWS = 0
    FROM_FIRST_FILE_ONLY = 1
    FROM_ALL_FILES = 2


class HistogramCompareMethod(Enum):
    """Distances between profiles, in the SDK's older dataset interface."""

    WASSERSTEIN = 0
    ENERGY = 1


class FileType(Enum):
    """Kinds of files, in the SDK's older dataset interface."""

    GENERIC_CSV = "GenericCSV"
    GENERIC_CSV_NO_HEADER = "GenericCSVNoHeader"
    GENERIC_TSV = "GenericTSV"
    GENERIC_TSV_NO_HEADER = "GenericTSVNoHeader"
    ZIP = "Zip"
    UNKNOWN = "Unknown"


class DataType:
    """The type of a column for ``set_column_types``; made by the static methods."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._description = dict(description)

    def _to_json(self) -> dict[str, Any]:
        return dict(self._description)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataType) and self._description == other._description

    def __hash__(self) -> int:
        return hash(repr(sorted(self._description.items())))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._description.items() if name != "type")
        return f"DataType.to_{self._description['type']}({options})"

    @staticmethod
    def to_string() -> DataType:
        """Text."""
        return DataType({"type": "string"})

    @staticmethod
    def to_long() -> DataType:
        """64-bit integers."""
        return DataType({"type": "long"})

    @staticmethod
    def to_float(decimal_mark: str = ".") -> DataType:
        """64-bit floats.

        :param decimal_mark: ``.`` or ``,``.
        """
        if decimal_mark not in (".", ","):
            raise InvalidInput(f"The decimal mark {decimal_mark!r} is unknown", expected="'.' or ','")
        return DataType({"type": "float", "decimal_mark": decimal_mark})

    @staticmethod
    def to_bool() -> DataType:
        """True and False."""
        return DataType({"type": "bool"})

    @staticmethod
    def to_stream(workspace: Any, escaped: bool = False) -> DataType:
        """Paths or URLs of files, for ``TabularDataset.download`` and ``mount``."""
        return DataType({"type": "stream", "escaped": bool(escaped)})

    @staticmethod
    def to_datetime(formats: str | Sequence[str] | None = None) -> DataType:
        """Points in time.

        :param formats: ``strptime`` formats, tried in order; None for ISO 8601.
        """
        chosen = [formats] if isinstance(formats, str) else list(formats or ())
        return DataType({"type": "datetime", "formats": chosen})


def column_types(types: Any) -> dict[str, Any]:
    """The JSON of ``set_column_types``: column name -> description.

    :param types: ``{name: DataType}``; a tuple of names as key gives each of them that type.
    :raises InvalidInput: for anything else.
    """
    if types is None:
        return {}
    if not isinstance(types, Mapping):
        raise InvalidInput(f"set_column_types is {types!r}", expected="a mapping of column name to DataType")
    answer: dict[str, Any] = {}
    for key, kind in types.items():
        if not isinstance(kind, DataType):
            raise InvalidInput(
                f"The type of column {key!r} is {kind!r}", expected="a DataType, such as DataType.to_long()"
            )
        answer.update({str(name): kind._to_json() for name in (key if isinstance(key, tuple) else (key,))})
    return answer


def header_name(header: Any) -> str:
    """The name of a header choice; True means that all files have the same headers, False that none has one.

    :raises InvalidInput: for anything else than a bool or a ``PromoteHeadersBehavior``.
    """
    if isinstance(header, PromoteHeadersBehavior):
        return header.name
    if isinstance(header, bool):
        return "ALL_FILES_HAVE_SAME_HEADERS" if header else "NO_HEADERS"
    raise InvalidInput(f"header is {header!r}", expected="True, False or a PromoteHeadersBehavior")
