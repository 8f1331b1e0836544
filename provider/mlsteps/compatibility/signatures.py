"""Is a signature of mlsteps that of the SDK?

Rule: same parameters in the same order with the same defaults. Parameters that start with an underscore are private on
both sides and left out. A default that the facts give by name (``ViewType.ActiveOnly``, ``sys.maxsize``, ``CPU``) is
compared by its value, an enumeration's member also by its name or its value alone.
"""

from __future__ import annotations

import ast
import enum
import inspect
import sys
from functools import cache
from typing import Any, NamedTuple

from mlsteps.compatibility import names
from mlsteps.compatibility.facts import load

#: Values of the SDK's own constants that the facts give by name only.
_CONSTANTS: dict[str, Any] = {
    "CPU": "cpu",
    "DIRECT_MODE": "direct",
    "MAX_DURATION_MINUTES": 10080,
    "MAX_DURATION_SECONDS_DEFAULT": 2592000,
    "_DEFAULT_SHM_SIZE": "2g",
    "sys.maxsize": sys.maxsize,
    # Ours follows the Python that this installation's curated environments have.
    "PYTHON_DEFAULT_VERSION": ...,
}


class Parameter(NamedTuple):
    """``default`` is the text of the facts, or an object of mlsteps; ``inspect.Parameter.empty`` for none."""

    name: str
    default: Any = inspect.Parameter.empty


def of_facts(text: str) -> list[Parameter]:
    """The parameters of ``"(self, name, value=None, **kwargs)"``; defaults as text."""
    node = ast.parse(f"def f{text}: pass").body[0]
    assert isinstance(node, ast.FunctionDef)
    given = node.args
    defaults: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults))
    defaults.extend(given.defaults)
    found = [_of_node(item, default) for item, default in zip(given.args, defaults, strict=True)]
    if given.vararg:
        found.append(Parameter("*" + given.vararg.arg))
    found += [_of_node(item, default) for item, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    if given.kwarg:
        found.append(Parameter("**" + given.kwarg.arg))
    return _without_receiver(found)


def of_function(function: Any) -> list[Parameter]:
    """The public parameters of a function or method of mlsteps, without ``self`` or ``cls``."""
    marks: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    found = []
    for item in inspect.signature(function).parameters.values():
        if not item.name.startswith("_"):
            found.append(Parameter(marks.get(item.kind, "") + item.name, item.default))
    return _without_receiver(found)


def differences(expected: str, function: Any) -> list[str]:
    """What differs from the SDK's signature, a text each; empty when nothing does."""
    wanted, found = of_facts(expected), of_function(function)
    if [item.name for item in wanted] != [item.name for item in found]:
        return [f"({', '.join(i.name for i in found)}) in place of ({', '.join(i.name for i in wanted)})"]
    return [
        f"{ours.name}={ours.default!r} in place of {theirs.default}"
        for theirs, ours in zip(wanted, found, strict=True)
        if not _same_default(theirs.default, ours.default)
    ]


def _of_node(item: ast.arg, default: ast.expr | None) -> Parameter:
    return Parameter(item.arg) if default is None else Parameter(item.arg, ast.unparse(default))


def _without_receiver(found: list[Parameter]) -> list[Parameter]:
    return found[1:] if found and found[0].name in ("self", "cls") else found


def _same_default(theirs: Any, ours: Any) -> bool:
    if theirs is inspect.Parameter.empty or ours is inspect.Parameter.empty:
        return theirs is ours
    try:
        return bool(ast.literal_eval(theirs) == ours)
    except ValueError:
        return _same_constant(theirs, ours)


def _same_constant(name: str, ours: Any) -> bool:
    if name in _CONSTANTS:
        return _CONSTANTS[name] is ... or bool(_CONSTANTS[name] == ours)
    if name == "dict()":
        return bool(ours == {})
    owner, _, member = name.rpartition(".")
    if isinstance(ours, enum.Enum):
        return ours.name == member
    value = _enumeration(owner).get(member, ...)
    return ours in (member, value, getattr(value, "value", value))


@cache
def _enumeration(name: str) -> dict[str, Any]:
    """The members of the supported class of that name; the facts name classes without their modules."""
    for path in load().classes:
        if names.short(path) == name and names.home(path) is not None:
            return dict(vars(names.target(path)))
    return {}
