"""Every supported name has the SDK's signature; the facts are ``mlsteps/compatibility/api.json``."""

from __future__ import annotations

import inspect

import pytest

from mlsteps.compatibility import names, source, status
from mlsteps.compatibility.facts import load
from mlsteps.compatibility.signatures import differences, of_facts, of_function

FACTS = load()
CLASSES = sorted(path for path in FACTS.classes if names.home(path) is not None)
FUNCTIONS = sorted(path for path in FACTS.functions if names.home(path) is not None)
EXTENDED = status.reasons().extended


def function_of(cls: type, method: str | None) -> object:
    """What takes a method's parameters; for a constructor ``__init__``, or ``__new__`` where that is all there is."""
    if method is not None:
        return source.unwrap(inspect.getattr_static(cls, method, None))
    return source.unwrap(inspect.getattr_static(cls, "__init__")) or source.unwrap(
        inspect.getattr_static(cls, "__new__")
    )


def compared(path: str) -> list[tuple[str, str, object]]:
    """(name, the SDK's signature, our function) of all that is compared for a class; what is missing has None."""
    cls, found = names.target(path), []
    for method in (None, *FACTS.classes[path].methods):
        text = FACTS.signature(path, method)
        name = names.short(path) if method is None else f"{names.short(path)}.{method}"
        whole = status.of(path) if method is None else status.of_member(path, method)
        function = function_of(cls, method)
        # A refusal may stand in a base class, or in ``__getattr__``, where it has no signature of its own.
        own = function is not None and function.__qualname__.startswith(cls.__name__ + ".")
        refused = whole is not None and whole.state == "refused"
        if text is not None and (own or not refused):
            found.append((name, text, function))
    return found


@pytest.mark.parametrize("path", CLASSES)
def test_the_methods_of_a_class_take_what_the_sdks_take(path: str) -> None:
    wrong = {}
    for name, text, function in compared(path):
        if name in EXTENDED or (function is None and of_facts(text) == []):
            continue
        found = ["it is missing"] if function is None else differences(text, function)
        if found:
            wrong[name] = found
    assert wrong == {}


@pytest.mark.parametrize("path", FUNCTIONS)
def test_functions_take_what_the_sdks_take(path: str) -> None:
    assert differences(FACTS.functions[path], names.target(path)) == []


@pytest.mark.parametrize("path", CLASSES)
def test_static_methods_are_static(path: str) -> None:
    cls = names.target(path)
    raw = {method: inspect.getattr_static(cls, method, None) for method in FACTS.classes[path].static}
    bound = {method for method, found in raw.items() if found is not None and not isinstance(found, staticmethod)}
    assert {method for method in bound if not isinstance(raw[method], classmethod)} == set()


def test_hundreds_of_signatures_are_compared() -> None:
    assert sum(len(compared(path)) for path in CLASSES) > 850
    assert len(FUNCTIONS) >= 3


def test_an_extension_still_takes_what_the_sdks_takes() -> None:
    """A deliberate addition comes after the SDK's own parameters, so that calls written for the SDK stay right.

    Errors that only mlsteps raises are left out.
    """
    short = {}
    for path in CLASSES:
        for name, text, function in compared(path):
            if name in EXTENDED:
                wanted = [item.name for item in of_facts(text) if not item.name.startswith("*")]
                short[name] = wanted, [item.name for item in of_function(function)]
    assert set(short) == set(EXTENDED), "reasons.json extends names that are not there, or that need no extension"
    changed = {name: pair for name, pair in short.items() if pair[1][: len(pair[0])] != pair[0]}
    assert set(changed) <= {"ActivityFailedException"}


def test_a_difference_is_found() -> None:
    def ours(self, name, datastore=None, mode="mount", _private=1): ...

    assert differences("(self, name, datastore=None, mode='mount')", ours) == []
    assert differences("(self, name, datastore=None, mode='direct')", ours) != []
    assert differences("(self, datastore=None, name=None, mode='mount')", ours) != []
    assert differences("(self, name, datastore, mode='mount')", ours) != []
    assert differences("(self, name, datastore=None)", ours) != []
