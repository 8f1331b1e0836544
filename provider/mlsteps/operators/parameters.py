"""Pipeline parameters as Airflow params: their JSON schema when a DAG is made, their values when it runs.

A wrong type is refused by Airflow when a run is triggered, by the schema. Unknown names are accepted by Airflow, so
``plan`` refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import Parameter
from mlsteps.errors import InvalidInput

if TYPE_CHECKING:
    from airflow.sdk import Param

REGENERATE = "regenerate_outputs"
CONTINUE = "continue_on_step_failure"
#: Params that every DAG made from a pipeline has; as in ``Experiment.submit``.
RESERVED = {
    REGENERATE: "Run every step; use no earlier results.",
    CONTINUE: "Let steps that do not depend on a failed one go on.",
}
#: Key of a run's conf that is no parameter: ``{"experiment_name", "tags", "step_tags", "properties", "display_name",
#: "description", "graph": digest of the graph it is a run of}``, each optional.
SUBMISSION = "_mlsteps"

_SCHEMAS: dict[str, str | list[str]] = {
    "string": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datapath": ["object", "string"],
    "dataset": ["object", "string"],
}
_HINTS = {
    "datapath": 'A folder or file in a datastore: "datastore/path" or {"datastore": ..., "path": ...}.',
    "dataset": 'A registered dataset: "name" or "name:version", or a dataset definition.',
}


def airflow_params(parameters: Iterable[Parameter]) -> dict[str, Param]:
    """The ``params`` of a DAG: one for each pipeline parameter, then the reserved ones.

    :raises InvalidInput: when a parameter has the name of a reserved one.
    """
    from airflow.sdk import Param

    params = {item.name: _param(item) for item in parameters}
    clash = sorted(set(params) & (set(RESERVED) | {SUBMISSION}))
    if clash:
        raise InvalidInput(
            f"The pipeline parameter {clash[0]!r} has the name of a parameter that every pipeline run has",
            expected=f"names other than {', '.join(sorted(RESERVED))} and {SUBMISSION}",
            mend="rename the PipelineParameter",
        )
    for name, summary in RESERVED.items():
        params[name] = Param(False, type="boolean", description=summary, section="Run")
    return params


def _param(parameter: Parameter) -> Param:
    from airflow.sdk import Param

    schema: dict[str, Any] = {"type": _SCHEMAS[parameter.type], "title": parameter.name}
    if parameter.type in _HINTS:
        schema["description"] = _HINTS[parameter.type]
    if parameter.required and parameter.default is None:
        return Param(**schema)
    return Param(parameter.default, **schema)


def refuse_unknown(conf: Mapping[str, Any] | None, known: Iterable[str]) -> None:
    """:raises InvalidInput: when a run was triggered with a key that is no parameter; names it and what there is."""
    names = sorted(known)
    unknown = sorted(set(conf or {}) - set(names) - {SUBMISSION})
    if unknown:
        raise InvalidInput(
            f"The run was triggered with {', '.join(map(repr, unknown))}, which the pipeline does not know",
            expected=f"only {', '.join(names)}",
        )


def values(parameters: Iterable[Parameter], params: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each pipeline parameter in a run; data paths and datasets in the form graphs use.

    :param params: ``context["params"]``; a parameter that is not there has its default.
    """
    return {item.name: _value(item, params.get(item.name, item.default)) for item in parameters}


def _value(parameter: Parameter, given: Any) -> Any:
    if parameter.type == "datapath":
        return data_path(parameter.name, given)
    if parameter.type == "dataset":
        return dataset(parameter.name, given)
    return given


def data_path(name: str, given: Any) -> dict[str, Any]:
    """``{"datastore":, "path":}`` of what was given: that, the REST API's keys, a URI, or ``datastore/path``."""
    if isinstance(given, Mapping):
        datastore = given.get("datastore", given.get("DataStoreName"))
        path = given.get("path", given.get("RelativePath", ""))
    else:
        text = str(given or "").removeprefix("azureml://datastores/").replace("/paths/", "/", 1)
        datastore, _, path = text.partition("/")
    if not datastore:
        raise InvalidInput(f"The data path {name!r} is {given!r}", expected='"datastore/path" or {"datastore", "path"}')
    return {"datastore": str(datastore), "path": str(path or "").strip("/")}


def dataset(name: str, given: Any) -> dict[str, Any]:
    """A definition, ``{"registered": {"name":, "version":}}`` or ``{"id":}`` of what was given."""
    if isinstance(given, str) and given:
        registered, _, version = given.partition(":")
        return {"registered": {"name": registered, "version": int(version) if version.isdigit() else "latest"}}
    if isinstance(given, Mapping) and given:
        return dict(given)
    raise InvalidInput(f"The dataset {name!r} is {given!r}", expected='"name", "name:version" or a dataset definition')
