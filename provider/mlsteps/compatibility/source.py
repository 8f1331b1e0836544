"""What the code of mlsteps says about itself, read from its syntax trees.

A method that always raises ``UnsupportedFeature`` is refused, one with nothing but a docstring does nothing, a
parameter that no line reads is ignored. Nothing here has to be told what is supported, so nothing can be told wrongly.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

from mlsteps.errors import UnsupportedFeature
from mlsteps.sdk.surface.refused import Refusal

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BRANCHES = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Module(NamedTuple):
    """A module's functions by qualified name, and what its import statements bind: name -> (module, original)."""

    functions: dict[str, _Function]
    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[str, str]]


@cache
def module(name: str) -> Module:
    """The syntax of a module of mlsteps."""
    loaded = sys.modules.get(name) or importlib.import_module(name)
    found = Module({}, {}, {})
    _collect(ast.parse(inspect.getsource(loaded)).body, "", found)
    return found


def unwrap(raw: Any) -> FunctionType | None:
    """The function in a method, static method, class method or property; None for anything else."""
    if isinstance(raw, (staticmethod, classmethod)):
        raw = raw.__func__
    if isinstance(raw, property):
        raw = raw.fget
    return raw if isinstance(raw, FunctionType) else None


def node_of(function: FunctionType) -> _Function | None:
    """A function's syntax; None when it is not written in mlsteps."""
    if not function.__module__.startswith("mlsteps."):
        return None
    return module(function.__module__).functions.get(function.__qualname__)


def refusal_of(function: FunctionType) -> Refusal | None:
    """Why a function always refuses; None when it does not.

    Such a function is called with stand-ins for its arguments: it raises before it does anything else.
    """
    if not _always_raises(function, ()):
        return None
    required = [
        item
        for item in inspect.signature(function).parameters.values()
        if item.default is item.empty and item.kind is item.POSITIONAL_OR_KEYWORD
    ]
    return refused_by(lambda: function(*(_Anything() for _ in required)))


def refused_by(work: Callable[[], Any]) -> Refusal | None:
    """The refusal that a call ends with; None when it ends otherwise."""
    try:
        work()
    except UnsupportedFeature as error:
        return Refusal(error.reason or "mlsteps does not have it", error.alternative)
    except Exception:
        return None
    return None


def does_nothing(function: FunctionType) -> bool:
    """Whether a function is there to be called and no more: its docstring begins with ``Nothing``, its body is empty.

    Other empty bodies belong to hooks and to stand-ins for the methods of another class.
    """
    node = node_of(function)
    if node is None or not first_sentence(function).startswith("Nothing"):
        return False
    return all(_is_empty(statement) for statement in _body(node))


def unread(function: FunctionType) -> frozenset[str]:
    """Public parameters that no line of the function reads."""
    node = node_of(function)
    if node is None:
        return frozenset()
    read = {part.id for statement in node.body for part in ast.walk(statement) if isinstance(part, ast.Name)}
    if "locals" in read:
        return frozenset()
    return frozenset(name for name in _parameters(node) - read if not name.startswith("_"))


def first_sentence(thing: Any) -> str:
    """The beginning of a docstring, without its full stop."""
    text = " ".join((inspect.getdoc(thing) or "").split())
    return text.split(". ")[0].rstrip(".")


def attributes(cls: type) -> frozenset[str]:
    """Public attributes that the methods of a class and of its bases assign on ``self``, and fields of sections."""
    found: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.startswith("mlsteps."):
            found |= _assigned(base.__module__, base.__qualname__)
        found.update(vars(base).get("_FIELDS", ()))
    return frozenset(name for name in found if not name.startswith("_"))


@cache
def _assigned(module_name: str, class_name: str) -> frozenset[str]:
    prefix = class_name + "."
    functions = [node for name, node in module(module_name).functions.items() if name.startswith(prefix)]
    parts = [part for node in functions for part in ast.walk(node)]
    found = {
        part.attr
        for part in parts
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and _is_self(part.value)
    }
    # Configurations keep all arguments of their constructor: ``self._keep(locals())``.
    if any(isinstance(part, ast.Name) and part.id == "locals" for part in parts):
        found.update(*(_parameters(node) for node in functions if node.name == "__init__"))
    return frozenset(found)


@cache
def assignments(module_name: str, class_name: str) -> dict[str, list[ast.Assign | ast.AnnAssign]]:
    """What the methods of one class assign on ``self``: attribute -> statements."""
    found: dict[str, list[ast.Assign | ast.AnnAssign]] = {}
    for name, node in module(module_name).functions.items():
        for part in ast.walk(node) if name.startswith(class_name + ".") else ():
            if isinstance(part, (ast.Assign, ast.AnnAssign)):
                for place in part.targets if isinstance(part, ast.Assign) else [part.target]:
                    if isinstance(place, ast.Attribute) and _is_self(place.value):
                        found.setdefault(place.attr, []).append(part)
    return found


def _parameters(node: _Function) -> set[str]:
    return {item.arg for item in [*node.args.args, *node.args.kwonlyargs]} - {"self", "cls"}


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _collect(body: list[ast.stmt], prefix: str, found: Module, typing_only: bool = False) -> None:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            if not typing_only:
                found.classes[prefix + statement.name] = statement
            _collect(statement.body, f"{prefix}{statement.name}.", found, typing_only)
        elif isinstance(statement, _Function) and not typing_only:
            # A property's setter has the getter's name and comes after it.
            found.functions.setdefault(prefix + statement.name, statement)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                found.imports[alias.asname or alias.name] = (statement.module, alias.name)
        elif isinstance(statement, ast.If):
            only = typing_only or "TYPE_CHECKING" in ast.dump(statement.test)
            _collect(statement.body, prefix, found, only)
            _collect(statement.orelse, prefix, found, typing_only)


def _body(node: _Function) -> list[ast.stmt]:
    """Statements without the docstring."""
    has_docstring = ast.get_docstring(node, clean=False) is not None
    return node.body[1:] if has_docstring else node.body


def _is_empty(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return statement.value is None or _is_self(statement.value)
    return isinstance(statement, ast.Pass)


def _always_raises(function: FunctionType, seen: tuple[FunctionType, ...]) -> bool:
    """Whether the first thing a function does is to raise, itself or in a function of mlsteps that it calls."""
    node = node_of(function)
    if node is None or function in seen:
        return False
    first = next((item for item in _body(node) if not isinstance(item, (ast.Import, ast.ImportFrom))), None)
    if isinstance(first, ast.Raise):
        return True
    if not isinstance(first, (ast.Expr, ast.Return, ast.Assign)) or first.value is None:
        return False
    called = (_called(call.func, function, node) for call in _unconditional_calls(first.value))
    return any(_always_raises(other, (*seen, function)) for other in called if other is not None)


def _unconditional_calls(expression: ast.expr) -> Iterator[ast.Call]:
    waiting: list[ast.AST] = [expression]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            yield node
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp)):
            waiting.append(node.generators[0].iter)
        elif not isinstance(node, _BRANCHES):
            waiting.extend(ast.iter_child_nodes(node))


def _called(callee: ast.expr, function: FunctionType, node: _Function) -> FunctionType | None:
    """The function of mlsteps that a call inside ``function`` reaches, as far as names tell."""
    if isinstance(callee, ast.Name):
        return unwrap(_named(callee.id, function, node))
    if not isinstance(callee, ast.Attribute) or not isinstance(callee.value, ast.Name):
        return None
    owner_name = function.__qualname__.rpartition(".")[0]
    if callee.value.id in ("self", "cls", owner_name):
        owner = function.__globals__.get(owner_name)
        return unwrap(inspect.getattr_static(owner, callee.attr, None))
    return None


def _named(name: str, function: FunctionType, node: _Function) -> Any:
    for statement in node.body:
        if not isinstance(statement, ast.ImportFrom) or not (statement.module or "").startswith("mlsteps.sdk"):
            continue
        for alias in statement.names:
            if (alias.asname or alias.name) == name:
                return getattr(importlib.import_module(statement.module or ""), alias.name, None)
    return function.__globals__.get(name)


class _Anything:
    """Stands for an argument of a function that raises before it looks at it."""

    def __getattr__(self, name: str) -> _Anything:
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> _Anything:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __repr__(self) -> str:
        return "..."
