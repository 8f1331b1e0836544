"""Frozen dataclasses to JSON and back, without evaluating type hints (which Python 3.8 could not)."""

from __future__ import annotations

import hashlib
import json
from collections import abc
from dataclasses import fields
from typing import Any, ClassVar, Mapping, Type, TypeVar

from mlsteps.errors import InvalidInput

D = TypeVar("D", bound="Document")

_KNOWN: dict[Any, tuple[tuple[str, Any], ...]] = {}
_SCALARS = frozenset((str, int, float, bool, type(None)))


class Document:
    """Base of the contracts: ``to_json`` gives plain JSON data, ``from_json`` takes it back.

    ``NESTED`` names the fields that hold documents, ``MANY`` those that hold a tuple of documents. Fields that equal
    their default are left out, so that a document stays readable and a new optional field changes no old document.
    """

    NESTED: ClassVar[Mapping[str, Type[Document]]] = {}
    MANY: ClassVar[Mapping[str, Type[Document]]] = {}

    def to_json(self) -> dict[str, Any]:
        """This document as JSON data (dict, list, str, int, float, bool, None)."""
        answer = {}
        for name, default in _fields(type(self)):
            value = getattr(self, name)
            if value == default or (value in ((), {}, None) and name not in ("version",)):
                continue
            answer[name] = _plain(value)
        return answer

    @classmethod
    def from_json(cls: Type[D], data: Mapping[str, Any]) -> D:
        """The document that ``to_json`` gave.

        :raises InvalidInput: for unknown keys, a missing key, or a version this release does not know.
        """
        known = {name for name, _ in _fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise InvalidInput(f"{cls.__name__} holds unknown keys {unknown}", expected=f"only {sorted(known)}")
        cls._check_version(data)
        values = {name: cls._revive(name, value) for name, value in data.items()}
        try:
            return cls(**values)
        except TypeError as error:
            raise InvalidInput(f"{cls.__name__} is incomplete: {error}") from error

    @classmethod
    def _check_version(cls, data: Mapping[str, Any]) -> None:
        expected = getattr(cls, "VERSION", None)
        if expected is not None and data.get("version", expected) != expected:
            raise InvalidInput(
                f"{cls.__name__} has version {data.get('version')!r}",
                expected=f"version {expected}",
                mend="use the mlsteps release that wrote it",
            )

    @classmethod
    def _revive(cls, name: str, value: Any) -> Any:
        if name in cls.NESTED and value is not None:
            return cls.NESTED[name].from_json(value)
        if name in cls.MANY:
            return tuple(cls.MANY[name].from_json(item) for item in value)
        return tuple(value) if isinstance(value, list) else value


def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Names and defaults of a class's fields, looked up once: a plan of 200 steps asks two thousand times."""
    if kind not in _KNOWN:
        _KNOWN[kind] = tuple((field.name, field.default) for field in fields(kind))
    return _KNOWN[kind]


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Document):
        return value.to_json()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, (dict, abc.Mapping)):  # what most are is asked first, and typing's is slow to ask
        return {key: _plain(item) for key, item in value.items()}
    return value


def canonical(data: Any) -> str:
    """One text for equal JSON data: sorted keys, no blanks, non-ASCII kept, NaN refused."""
    return json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_as_json
    )


def _as_json(value: Any) -> Any:
    """What JSON's encoder does not know by itself."""
    if isinstance(value, (Document, abc.Mapping)):
        return _plain(value)
    raise TypeError(f"{type(value).__name__} is no JSON data")


def digest_of(data: Any) -> str:
    """SHA-256 (hex) of :func:`canonical`; JSON text is delimited and type-tagged by its own syntax."""
    return hashlib.sha256(canonical(data).encode("utf-8", "surrogatepass")).hexdigest()
