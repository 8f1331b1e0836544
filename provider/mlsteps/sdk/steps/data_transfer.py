"""``DataTransferStep``: copy files or rows from one datastore to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.contracts.graph import OutputPort, StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.binding import OutputKey, OutputRequest
from mlsteps.sdk.pipeline_data import PipelineData, datastore_name
from mlsteps.sdk.ports import InputPortBinding
from mlsteps.sdk.steps.base import PipelineStep

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder

_TYPES = (None, "file", "directory")
_SQL_FIELDS = ("sql_table", "sql_query", "sql_stored_procedure")


class DataTransferStep(PipelineStep):
    """Copy between places (SDK docs: ``azureml.pipeline.steps.DataTransferStep``). Nothing is deleted at the source.

    :param source_data_reference: DataReference, SqlDataReference, PortDataReference, InputPortBinding or PipelineData.
    :param destination_data_reference: DataReference, SqlDataReference, OutputPortBinding, InputPortBinding or
        PipelineData.
    :param source_reference_type: ``file`` or ``directory``; None means that of what lies there.
    :param destination_reference_type: the same; None: of what lies there, else the source's.
    :raises InvalidInput: when an end or the compute target is missing, for another reference type, and for ends that do
        not go together.
    """

    node_type = "DataTransfer"

    def __init__(
        self,
        name: str,
        source_data_reference: Any = None,
        destination_data_reference: Any = None,
        compute_target: Any = None,
        source_reference_type: str | None = None,
        destination_reference_type: str | None = None,
        allow_reuse: bool = True,
    ) -> None:
        needed = {
            "name": name,
            "source_data_reference": source_data_reference,
            "destination_data_reference": destination_data_reference,
            "compute_target": compute_target,
        }
        missing = [key for key, value in needed.items() if value is None]
        if missing:
            raise InvalidInput(f"DataTransferStep {name!r} lacks {missing}")
        for type_ in (source_reference_type, destination_reference_type):
            if type_ not in _TYPES:
                raise InvalidInput(
                    f"DataTransferStep {name!r} has reference type {type_!r}", expected="file or directory"
                )
        _check_together(name, source_data_reference, destination_data_reference)
        if (source_reference_type, destination_reference_type) == ("directory", "file"):
            raise InvalidInput(
                f"DataTransferStep {name!r} goes from a directory to a file", expected="a directory as the destination"
            )
        self._source = source_data_reference
        self._destination = _Destination(destination_data_reference, destination_reference_type, name)
        self._compute_target = compute_target
        self._types = (source_reference_type, destination_reference_type)
        self._allow_reuse = allow_reuse
        super().__init__(name, [source_data_reference], [self._destination])

    def get_output(self) -> PipelineData:
        """The destination, as an input for steps that come after the transfer."""
        return self._destination.as_pipeline_data()

    def _node(self, build: StepBuilder) -> StepNode:
        payload: dict[str, Any] = {
            "source": build.input_name(self._source),
            "destination": build.output_name(self._destination),
        }
        for key, type_ in zip(("source_reference_type", "destination_reference_type"), self._types):
            if type_ is not None:
                payload[key] = type_
        for end, item in (("source_sql", self._source), ("destination_sql", self._destination.item)):
            sql = _sql(item)
            if sql:
                payload[end] = sql
        return build.node(
            type=self.node_type,
            compute=build.compute(self._compute_target),
            allow_reuse=bool(self._allow_reuse),
            payload=payload,
        )


class _Destination:
    """Any kind of destination as an output of the transfer."""

    def __init__(self, item: Any, reference_type: str | None, step: str) -> None:
        self.item: Any = item.bind_object if isinstance(item, InputPortBinding) else item
        self.reference_type = reference_type
        self._own = getattr(self.item, "_output_request", None)
        if self._own is not None:
            self.key: OutputKey = self._own().key
            return
        if not hasattr(self.item, "datastore"):
            raise InvalidInput(
                f"destination_data_reference of DataTransferStep {step!r} is a {type(item).__name__}",
                expected="DataReference, SqlDataReference, PipelineData or OutputPortBinding",
            )
        self.key = OutputKey(self._name())

    def _name(self) -> str:
        return getattr(self.item, "data_reference_name", None) or getattr(self.item, "name", None) or "destination"

    def _output_request(self) -> OutputRequest:
        is_directory = None if self.reference_type is None else self.reference_type == "directory"
        if self._own is not None:
            request: OutputRequest = self._own()
            return request
        if _sql(self.item):  # rows: what the output points to is the table
            table = OutputPort(name=self._name(), kind="link_tabular", mode="link", datastore=self.item.datastore.name)
            return OutputRequest(table, self.key)
        port = OutputPort(
            name=self._name(),
            datastore=datastore_name(self.item.datastore),
            path=getattr(self.item, "path_on_datastore", None) or "",
            mode="upload",
            overwrite=True,
            is_directory=is_directory,
        )
        return OutputRequest(port, self.key)

    def as_pipeline_data(self) -> PipelineData:
        if isinstance(self.item, PipelineData):
            return self.item
        data = PipelineData(self._name(), datastore=self.item.datastore)
        data._key = self.key
        return data


def _check_together(name: str, source: Any, destination: Any) -> None:
    into = _sql(destination)
    if into and "sql_table" not in into:
        raise InvalidInput(
            f"The destination of DataTransferStep {name!r} is a query or a procedure", expected="a table (sql_table)"
        )
    if into and _sql(source):
        raise InvalidInput(
            f"Both ends of DataTransferStep {name!r} are databases",
            mend="transfer the rows to a file, and the file to the table",
        )


def _sql(item: Any) -> Mapping[str, Any]:
    """Table, query or procedure of a SqlDataReference; empty for anything else."""
    item = getattr(item, "bind_object", item)
    found = {name: getattr(item, name) for name in _SQL_FIELDS if getattr(item, name, None)}
    parameters = getattr(item, "sql_stored_procedure_params", None)
    if found and parameters:
        found["sql_stored_procedure_params"] = [
            {"name": item.name, "value": item.value, "type": getattr(item.type, "value", item.type)}
            for item in parameters
        ]
    return {"datastore": datastore_name(item.datastore), **found} if found else {}
