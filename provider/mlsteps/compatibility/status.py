"""Which of the three a name of the SDK is, and why."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any, Literal, Mapping, NamedTuple

from mlsteps.compatibility import names, source
from mlsteps.compatibility.facts import load
from mlsteps.compatibility.signatures import of_facts
from mlsteps.sdk.sections import Section
from mlsteps.sdk.steps.base import PipelineStep
from mlsteps.sdk.steps.not_run import NOT_RUN
from mlsteps.sdk.surface.refused import Refusal

State = Literal["supported", "ignored", "refused"]

_NEVER_RAISED = "mlsteps never raises it; except clauses may name it"
#: The reason of what the code ignores and ``reasons.json`` does not explain; a test finds it.
UNEXPLAINED = "it has no effect here"
_ABSENT = object()
_UNKNOWN_FIELD = "kept and written out again, without effect"


class Status(NamedTuple):
    """What becomes of a name: ``reason`` for ignored and refused ones, ``alternative`` for refused ones."""

    name: str
    state: State
    reason: str = ""
    alternative: str = ""


class Reasons(NamedTuple):
    """``reasons.json``, the hand-written part. Keys are ``Class.method(parameter)``, ``Class(parameter)``,
    ``Class.member``, or ``*(parameter)`` for every parameter of that name that no code reads."""

    ignored: Mapping[str, str]
    refused: Mapping[str, list[str]]
    extended: Mapping[str, str]


@cache
def reasons() -> Reasons:
    """The hand-written reasons, read once a process."""
    return Reasons(**json.loads(resources.files(__package__).joinpath("reasons.json").read_text(encoding="utf-8")))


@cache
def of(path: str) -> Status | None:
    """The state of a class, function or constant; None for a path that neither the SDK nor mlsteps has."""
    why = names.refusal(path)
    if why is not None:
        is_exception = names.short(path).endswith(("Exception", "Error"))
        return Status(path, "ignored", _NEVER_RAISED) if is_exception else _refused(path, why)
    if names.home(path) is None:
        return None
    thing = names.target(path)
    if not isinstance(thing, type):
        return _of_function(path, thing)
    return _of_step(path, thing) or _of_constructor(path, thing) or Status(path, "supported")


@cache
def of_member(path: str, member: str) -> Status | None:
    """The state of a method, property or attribute of a class; None when mlsteps does not have it."""
    whole = of(path)
    name = f"{path}.{member}"
    if whole is None or whole.state != "supported":
        return None if whole is None else whole._replace(name=name)
    cls = names.target(path)
    if not isinstance(cls, type):
        return None
    said = _said(path, f".{member}")
    if said is not None:
        return said
    raw = inspect.getattr_static(cls, member, _ABSENT)
    if raw is _ABSENT:
        return _of_absent(path, cls, member)
    function = source.unwrap(raw)
    return Status(name, "supported") if function is None else _of_function(name, function)


@cache
def of_parameter(path: str, member: str | None, parameter: str) -> Status | None:
    """The state of a parameter of a constructor or function (``member`` None) or method; None for an unknown one."""
    owner = path if member is None else f"{path}.{member}"
    name = f"{owner}({parameter})"
    function = _function(path, member)
    if function is None:
        return None
    known = inspect.signature(function).parameters
    takes_any = any(item.kind is item.VAR_KEYWORD for item in known.values())
    if parameter not in known and not takes_any:
        return None
    suffix = f"({parameter})" if member is None else f".{member}({parameter})"
    if all(parameter in source.unread(one) for one in _readers(path, member, function)):
        return _said(path, suffix, f"*({parameter})") or Status(name, "ignored", UNEXPLAINED)
    return _said(path, suffix) or Status(name, "supported")


def table() -> Iterator[Status]:
    """Every name of the facts and of mlsteps' own surface: classes, members, parameters that are not just taken."""
    for path in catalogue():
        whole = of(path)
        if whole is None:
            continue
        yield whole
        for member in own_members(path):
            yield from filter(None, [of_member(path, member)])
            yield from _odd_parameters(path, member)
        yield from _odd_parameters(path, None)


def catalogue() -> list[str]:
    """The paths of all classes, functions and constants, each once, by its canonical path."""
    from mlsteps.sdk.surface.refused import REFUSED
    from mlsteps.sdk.surface.supported import SUPPORTED

    facts = load()
    surface = (f"{module}.{name}" for part in (SUPPORTED, REFUSED) for module in part for name in part[module])
    return sorted({names.canonical(path) for path in (*facts.classes, *facts.functions, *surface)})


def members(path: str) -> list[str]:
    """Public members of a class: those of the facts, else those that mlsteps' own class defines."""
    known = [name for name in load().members(path) if not name.startswith("_")]
    if known or names.home(path) is None:
        return known
    thing = names.target(path)
    return [name for name in vars(thing) if not name.startswith("_")] if isinstance(thing, type) else []


def own_members(path: str) -> list[str]:
    """Public members without those that a base of the facts has already, unless they became another thing here."""
    facts = load().classes.get(path)
    if facts is None:
        return members(path)
    own = {name for name, _ in facts.members() if not name.startswith("_")}
    return [name for name in members(path) if name in own]


def legacy_members(path: str) -> bool:
    """Whether nobody can have an object of the class, so that only its static members count."""
    thing = names.target(path) if names.home(path) is not None else None
    return isinstance(thing, type) and _constructor_refusal(thing) is not None


def _odd_parameters(path: str, member: str | None) -> Iterator[Status]:
    """Parameters in the facts' signature that are ignored or refused, while what takes them is not."""
    text = load().signature(path, member)
    owner = of(path) if member is None else of_member(path, member)
    if text is None or owner is None or owner.state != "supported" or (member is None and legacy_members(path)):
        return
    for parameter in of_facts(text):
        state = of_parameter(path, member, parameter.name.lstrip("*"))
        if state is not None and state.state != "supported":
            yield state


def _refused(name: str, why: Refusal) -> Status:
    return Status(name, "refused", why.reason, why.alternative)


def _of_step(path: str, cls: type) -> Status | None:
    """A step type that a pipeline refuses, or that nothing runs yet."""
    if not issubclass(cls, PipelineStep):
        return None
    blank = cls.__new__(cls)
    blank.name = "..."
    why = source.refused_by(blank._refuse) or NOT_RUN.get(cls.node_type)
    return None if why is None else _refused(path, why)


def _of_constructor(path: str, cls: type) -> Status | None:
    """A class whose constructor always refuses, and that has nothing static to be used without an object."""
    why = _constructor_refusal(cls)
    if why is None or any(isinstance(raw, (staticmethod, classmethod, type)) for raw in vars(cls).values()):
        return None
    return _refused(path, why)


def _constructor_refusal(cls: type) -> Refusal | None:
    init = source.unwrap(inspect.getattr_static(cls, "__init__"))
    return None if init is None else source.refusal_of(init)


def _of_function(name: str, thing: Any) -> Status:
    function = source.unwrap(thing)
    if function is None:
        return Status(name, "supported")
    why = source.refusal_of(function)
    if why is not None:
        return _refused(name, why)
    if source.does_nothing(function):
        return Status(name, "ignored", source.first_sentence(function))
    return Status(name, "supported")


def _of_absent(path: str, cls: type, member: str) -> Status | None:
    """A name that no class statement has: set by a constructor, refused when asked for, or a section's unknown one."""
    name = f"{path}.{member}"
    if member in source.attributes(cls):
        return Status(name, "supported")
    why = source.refused_by(lambda: getattr(cls, member))
    if why is None and hasattr(cls, "__getattr__") and not issubclass(cls, Section):
        why = source.refused_by(lambda: inspect.getattr_static(cls, "__getattr__")(cls.__new__(cls), member))
    if why is not None:
        return _refused(name, why)
    if legacy_members(path) and member in load().members(path):
        return _refused(name, _constructor_refusal(cls) or Refusal("", ""))
    return Status(name, "ignored", _UNKNOWN_FIELD) if issubclass(cls, Section) else None


def _function(path: str, member: str | None) -> Any:
    """The function that takes the parameters: a method, a constructor, or the function itself."""
    if names.home(path) is None:
        return None
    thing = names.target(path)
    if not isinstance(thing, type):
        return source.unwrap(thing)
    if member is not None:
        return source.unwrap(inspect.getattr_static(thing, member, None))
    return source.unwrap(inspect.getattr_static(thing, "__init__")) or _maker(thing)


def _maker(cls: type) -> Any:
    return source.unwrap(inspect.getattr_static(cls, "__new__"))


def _readers(path: str, member: str | None, function: Any) -> list[Any]:
    """All functions that get the parameters: a constructor's go to ``__new__`` too."""
    thing = names.target(path)
    maker = _maker(thing) if member is None and isinstance(thing, type) else None
    return [function] if maker is None else [function, maker]


def _said(path: str, suffix: str, for_all: str = "") -> Status | None:
    """What ``reasons.json`` says of a name, under the class's own key or that of one of its bases, or for all."""
    classes = [facts.path for facts in load().lineage(path)] or [path]
    for key in [*(names.short(one) + suffix for one in classes), for_all]:
        if key in reasons().ignored:
            return Status(path + suffix, "ignored", reasons().ignored[key])
        if key in reasons().refused:
            reason, alternative = reasons().refused[key]
            return Status(path + suffix, "refused", reason, alternative)
    return None
