"""Values of pipeline parameters, checked before anything is written or started."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping

from mlsteps.contracts.graph import Parameter
from mlsteps.errors import InvalidInput
from mlsteps.operators.parameters import data_path, dataset
from mlsteps.sdk.parameter import PipelineParameter

_TRUTH = {"true": True, "false": False, "1": True, "0": False}


def assignments(
    parameters: Iterable[Parameter],
    given: Mapping[str, Any] | None,
    called: str = "pipeline_parameters",
    *,
    later: Callable[[Parameter, Any], bool] = lambda parameter, value: False,
) -> dict[str, Any]:
    """The values that a submission sets, as JSON data for the run's conf.

    A text that reads as the parameter's type counts as that type, since REST bodies and configuration files hold text.

    :param parameters: the pipeline's.
    :param given: what was passed to ``submit``; also ``DataPath`` and ``Dataset`` objects.
    :param called: what a person knows ``given`` as.
    :param later: whether a value is known, and checked, only when the DAG runs; it is handed on as it is.
    :raises InvalidInput: names unknown parameters, missing ones, and values of another type than the default's.
    """
    known = {item.name: item for item in parameters}
    given = dict(given or {})
    unknown = sorted(set(map(str, given)) - set(known))
    if unknown:
        raise InvalidInput(
            f"{called} holds {', '.join(map(repr, unknown))}, which the pipeline does not have",
            expected=f"only {', '.join(map(repr, sorted(known)))}" if known else "none: it has no PipelineParameter",
        )
    missing = sorted(name for name, item in known.items() if item.required and name not in given)
    if missing:
        raise InvalidInput(
            f"The pipeline parameter {missing[0]!r} has no default and no value",
            mend=f"{{{missing[0]!r}: ...}} as {called}",
        )
    return {name: value if later(known[name], value) else assigned(known[name], value) for name, value in given.items()}


def assigned(parameter: Parameter, given: Any) -> Any:
    """The value that one parameter is given.

    :raises InvalidInput: when it is of another type.
    """
    if parameter.type == "datapath":
        return data_path(parameter.name, _plain(parameter.name, given) if _is_object(given) else given)
    if parameter.type == "dataset":
        return dataset(parameter.name, _plain(parameter.name, given) if _is_object(given) else given)
    value = _plain(parameter.name, given)
    converted = _CONVERT[parameter.type](value)
    if converted is None:
        raise InvalidInput(
            f"The pipeline parameter {parameter.name!r} is given {given!r}",
            expected=f"{parameter.type}, as its default {parameter.default!r}",
        )
    return converted


def _is_object(given: Any) -> bool:
    return not isinstance(given, (str, Mapping))


def _plain(name: str, given: Any) -> Any:
    """JSON data of a value that a ``PipelineParameter`` could have as its default."""
    if given is None:
        raise InvalidInput(f"The pipeline parameter {name!r} is given None", mend="leave it out to use its default")
    return PipelineParameter(name, given)._parameter().default


def _text(value: Any) -> str | None:
    return None if isinstance(value, Mapping) else str(value)


def _integer(value: Any) -> int | None:
    if isinstance(value, (bool, Mapping)):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    try:
        return int(value)
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, (bool, Mapping)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def truth(value: Any) -> bool | None:
    """A value that says yes or no; None for one that does not."""
    return value if isinstance(value, bool) else _TRUTH.get(str(value).strip().lower())


_CONVERT = {"string": _text, "int": _integer, "float": _number, "bool": truth}
