"""``SqlDataReference``: a table, query or stored procedure of a database, as an end of a DataTransferStep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from mlsteps.errors import InvalidInput
from mlsteps.sdk.binding import InputRequest
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.unsupported import refuse

if TYPE_CHECKING:
    from mlsteps.sdk.abstract_datastore import AbstractDatastore
    from mlsteps.sdk.stored_procedure import StoredProcedureParameter

_REASON = "a database has no files"
_INSTEAD = "DataTransferStep to copy the rows into files first"


class SqlDataReference(DataReference):
    """Rows of a database: exactly one of a table, a query and a stored procedure.

    :param sql_stored_procedure_params: list of :class:`StoredProcedureParameter`.
    """

    def __init__(
        self,
        datastore: AbstractDatastore,
        data_reference_name: str | None = None,
        sql_table: str | None = None,
        sql_query: str | None = None,
        sql_stored_procedure: str | None = None,
        sql_stored_procedure_params: Sequence[StoredProcedureParameter] | None = None,
    ) -> None:
        given = [item for item in (sql_table, sql_query, sql_stored_procedure) if item is not None]
        if len(given) != 1:
            raise InvalidInput(
                f"A SqlDataReference names {len(given)} of sql_table, sql_query and sql_stored_procedure",
                expected="exactly one of them",
            )
        super().__init__(datastore, data_reference_name)
        self.sql_table = sql_table
        self.sql_query = sql_query
        self.sql_stored_procedure = sql_stored_procedure
        self.sql_stored_procedure_params = sql_stored_procedure_params

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """Not supported, as in the SDK."""
        return refuse("SqlDataReference.path", _REASON, _INSTEAD)  # type: ignore[no-any-return]

    def as_download(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:
        """Not supported, as in the SDK."""
        return refuse("SqlDataReference.as_download", _REASON, _INSTEAD)  # type: ignore[no-any-return]

    def as_upload(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:
        """Not supported, as in the SDK."""
        return refuse("SqlDataReference.as_upload", _REASON, _INSTEAD)  # type: ignore[no-any-return]

    def as_mount(self) -> DataReference:
        """Not supported, as in the SDK."""
        return refuse("SqlDataReference.as_mount", _REASON, _INSTEAD)  # type: ignore[no-any-return]

    def to_config(self) -> Any:
        """Not supported: a run configuration holds places of files only."""
        return refuse("SqlDataReference.to_config", _REASON, _INSTEAD)

    def _sql(self) -> dict[str, Any]:
        """``{"datastore":, "table" | "query" | "procedure":, "parameters":?}``."""
        given = {"table": self.sql_table, "query": self.sql_query, "procedure": self.sql_stored_procedure}
        answer: dict[str, Any] = {"datastore": self.datastore.name}
        answer.update({kind: text for kind, text in given.items() if text is not None})
        if self.sql_stored_procedure_params:
            answer["parameters"] = [item._to_json() for item in self.sql_stored_procedure_params]
        return answer

    def _input_request(self) -> InputRequest:
        return (
            super()
            ._input_request()
            ._replace(source={"dataset": {"type": "tabular", "sql": self._sql()}}, kind="tabular", mode="direct")
        )
