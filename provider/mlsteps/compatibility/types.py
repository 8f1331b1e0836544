"""What a call or an attribute of the SDK gives, as mlsteps' own annotations and constructors say it."""

from __future__ import annotations

import ast
import inspect
import json
from functools import cache
from importlib import resources
from typing import Any, Literal, Mapping, NamedTuple

from mlsteps.compatibility import names, source
from mlsteps.compatibility.facts import load

_MANY = ("list", "List", "Iterator", "Iterable", "Sequence", "Generator", "tuple", "Tuple")
_BY_KEY = ("dict", "Dict", "Mapping")
_RECEIVER = ("T", "Self")


class Type(NamedTuple):
    """``kind`` says how ``path`` is meant: an object of that class, the class itself, a module, a function, several
    objects, or objects by key."""

    kind: Literal["object", "class", "module", "function", "many", "by_key"]
    path: str


def of_path(path: str) -> Type | None:
    """What a path of the SDK is: a class, a function or a module; None for constants and unknown paths."""
    if path in load().functions:
        return Type("function", path)
    if names.home(path) is not None:
        thing = names.target(path)
        return Type("class", names.canonical(path)) if isinstance(thing, type) else None
    if names.is_module(path):
        return Type("module", path)
    is_class = load().resolve(path) in load().classes or names.refusal(path) is not None
    return Type("class", names.canonical(path)) if is_class else None


@cache
def of_attribute(path: str, member: str) -> Type | None:
    """What reading an attribute of an object, or of a class, gives; None when nobody says."""
    said = _said(path, member)
    if said is not None:
        return said
    for alias in (f"{path}.{member}", f"azureml.core.{names.short(path)}.{member}"):
        if alias in load().aliases:
            return Type("class", load().aliases[alias])
    cls = _class(path)
    raw = inspect.getattr_static(cls, member, None) if cls is not None else None
    if isinstance(raw, property) and raw.fget is not None:
        return _of_annotation(raw.fget, path)
    return None if cls is None or raw is not None else _of_assignment(cls, member)


@cache
def of_call(path: str, member: str | None = None) -> Type | None:
    """What calling a method gives, or a function (``member`` None); None when nobody says."""
    said = _said(path, member or "")
    if said is not None:
        return said
    if member is None:
        return _of_annotation(source.unwrap(names.target(path)), path) if names.home(path) is not None else None
    cls = _class(path)
    function = None if cls is None else source.unwrap(inspect.getattr_static(cls, member, None))
    return _of_annotation(function, path)


def _class(path: str) -> type | None:
    thing = names.target(path) if names.home(path) is not None else None
    return thing if isinstance(thing, type) else None


@cache
def _hand_written() -> Mapping[str, str]:
    text = resources.files(__package__).joinpath("types.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def _said(path: str, member: str) -> Type | None:
    """What ``types.json`` says of a member, where the annotation is ``Any`` because the value decides."""
    for facts in [path, *(facts.path for facts in load().lineage(path))]:
        text = _hand_written().get(f"{names.short(facts)}.{member}" if member else names.short(facts))
        if text is not None:
            return _of_node(ast.parse(text, mode="eval").body, {}, path)
    return None


def _of_annotation(function: Any, receiver: str) -> Type | None:
    if function is None or source.node_of(function) is None:
        return None
    text = function.__annotations__.get("return")
    node = ast.parse(text, mode="eval").body if isinstance(text, str) else None
    return None if node is None else _of_node(node, _names_in(function.__module__), receiver)


def _of_assignment(cls: type, member: str) -> Type | None:
    """The type of ``self.member = Class(...)`` or ``self.member: Class = ...`` in a class or its bases."""
    for base in cls.__mro__:
        if not base.__module__.startswith("mlsteps."):
            continue
        known = _names_in(base.__module__)
        for node in source.assignments(base.__module__, base.__qualname__).get(member, ()):
            wanted = node.annotation if isinstance(node, ast.AnnAssign) else getattr(node.value, "func", None)
            found = None if wanted is None else _of_node(wanted, known, "")
            if found is not None:
                return found
    return None


def _of_node(node: ast.expr, known: Mapping[str, str], receiver: str) -> Type | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _of_node(ast.parse(node.value, mode="eval").body, known, receiver)
    if isinstance(node, ast.BinOp):
        return _of_node(node.left, known, receiver) or _of_node(node.right, known, receiver)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _of_container(node.value.id, node.slice, known, receiver)
    if isinstance(node, ast.Name):
        if node.id in _RECEIVER and receiver:
            return Type("object", receiver)
        path = known.get(node.id) or (_by_short_name().get(node.id) if not known else None)
        return None if path is None else Type("object", path)
    return None


def _of_container(name: str, inside: ast.expr, known: Mapping[str, str], receiver: str) -> Type | None:
    if isinstance(inside, ast.Tuple):
        inside = inside.elts[-1 if name in _BY_KEY else 0]
    item = _of_node(inside, known, receiver)
    if item is None or name not in (*_MANY, *_BY_KEY):
        return item if name == "Optional" else None
    return Type("by_key" if name in _BY_KEY else "many", item.path)


@cache
def _names_in(module_name: str) -> dict[str, str]:
    """Classes of the SDK that a module of mlsteps knows by name: name -> path."""
    module = source.module(module_name)
    homes = {name: (module_name, name) for name in module.classes} | module.imports
    found = {name: names.path_of(*home) for name, home in homes.items()}
    return {name: path for name, path in found.items() if path is not None}


@cache
def _by_short_name() -> dict[str, str]:
    """Classes by their own name, for ``types.json``; the first of several is that with the shortest path."""
    found: dict[str, str] = {}
    for path in sorted(load().classes, key=len, reverse=True):
        found[names.short(path)] = path
    return found
