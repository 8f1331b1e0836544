"""The SDK's interface as data: ``api.json``, one class a line."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Iterator, Literal, Mapping, NamedTuple

Kind = Literal["method", "property", "attribute", "constant"]


class ClassFacts(NamedTuple):
    """One class of the SDK; ``init`` is None for a constructor without parameters of its own."""

    path: str
    bases: tuple[str, ...]
    init: str | None
    methods: Mapping[str, str]
    static: frozenset[str]
    properties: tuple[str, ...]
    fields: tuple[str, ...]
    constants: Mapping[str, str]

    def members(self) -> Iterator[tuple[str, Kind]]:
        """Names that the class itself defines; its constructor is left out."""
        yield from ((name, "method") for name in self.methods)
        yield from ((name, "property") for name in self.properties)
        yield from ((name, "attribute") for name in self.fields)
        yield from ((name, "constant") for name in self.constants if name not in self.methods)


class Facts:
    """All of ``api.json``. Paths are the SDK's: ``azureml.core.workspace.Workspace``."""

    def __init__(self, data: Mapping[str, Mapping[str, object]]) -> None:
        self.functions: Mapping[str, str] = {path: str(text) for path, text in data["functions"].items()}
        self.aliases: dict[str, str] = {}
        self.classes: dict[str, ClassFacts] = {}
        for path, item in data["classes"].items():
            if isinstance(item, str):
                self.aliases[path] = item
            elif isinstance(item, dict):
                self.classes[path] = _class(path, item)

    def resolve(self, path: str) -> str:
        """The path under which the facts of a name stand; the path itself when there are none."""
        return self.aliases.get(path, path)

    def lineage(self, path: str) -> list[ClassFacts]:
        """A class and its bases, nearest first; empty for an unknown one."""
        own = self.classes.get(self.resolve(path))
        return [own, *(self.classes[base] for base in own.bases if base in self.classes)] if own else []

    def subclasses(self, path: str) -> list[str]:
        """Classes below a class, among those that the facts have."""
        key = self.resolve(path)
        return [other.path for other in self.classes.values() if key in other.bases]

    def members(self, path: str) -> dict[str, Kind]:
        """All members of a class with those of its bases."""
        found: dict[str, Kind] = {}
        for facts in self.lineage(path):
            for name, kind in facts.members():
                found.setdefault(name, kind)
        return found

    def signature(self, path: str, method: str | None = None) -> str | None:
        """Of a method, of a constructor (None), or of a function; None when the facts have none."""
        if method is None and path in self.functions:
            return self.functions[path]
        for facts in self.lineage(path):
            text = facts.init if method is None else facts.methods.get(method)
            if text is not None:
                return text
        return None

    def paths(self) -> list[str]:
        """Every path of a class or function, other spellings too."""
        return sorted({*self.classes, *self.aliases, *self.functions})


def _class(path: str, item: Mapping[str, object]) -> ClassFacts:
    def texts(key: str) -> tuple[str, ...]:
        found = item.get(key, ())
        return tuple(found) if isinstance(found, list) else ()

    def table(key: str) -> Mapping[str, str]:
        found = item.get(key, {})
        return found if isinstance(found, dict) else {}

    init = item.get("new") or item.get("init")
    return ClassFacts(
        path=path,
        bases=texts("bases"),
        init=None if init is None else str(init),
        methods=table("methods"),
        static=frozenset(texts("static")),
        properties=texts("properties"),
        fields=texts("fields"),
        constants=table("constants"),
    )


@cache
def load() -> Facts:
    """The facts, read once a process."""
    return Facts(json.loads(resources.files(__package__).joinpath("api.json").read_text(encoding="utf-8")))
