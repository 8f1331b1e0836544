"""``StoredProcedureParameter``: a parameter of a database's stored procedure, for ``SqlDataReference``."""

from __future__ import annotations

from enum import Enum
from typing import Any

from mlsteps.errors import InvalidInput


class StoredProcedureParameterType(Enum):
    """Types of a parameter; values as in the SDK."""

    String = "String"
    Int = "Int"
    Decimal = "Decimal"
    Guid = "Guid"
    Boolean = "Boolean"
    Date = "Date"

    @staticmethod
    def from_str(code: str) -> StoredProcedureParameterType:
        """The type of that name.

        :raises InvalidInput: when there is none.
        """
        try:
            return StoredProcedureParameterType(code)
        except ValueError:
            known = ", ".join(item.value for item in StoredProcedureParameterType)
            raise InvalidInput(f"There is no parameter type {code!r}", expected=f"one of {known}") from None


class StoredProcedureParameter:
    """One parameter of a stored procedure.

    :param type: a :class:`StoredProcedureParameterType`; None means ``String``, as in the SDK.
    """

    def __init__(self, name: str, value: Any, type: StoredProcedureParameterType | None = None) -> None:
        if type is not None and not isinstance(type, StoredProcedureParameterType):
            raise InvalidInput(
                f"The type of the stored procedure's parameter {name!r} is {type!r}",
                expected="a StoredProcedureParameterType",
            )
        self.name = name
        self.value = value
        self.type = type if type is not None else StoredProcedureParameterType.String

    def _to_json(self) -> dict[str, Any]:
        return {"name": self.name, "value": self.value, "type": self.type.value}
