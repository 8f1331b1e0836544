"""Sections of a configuration: objects whose attributes people assign (``environment.docker.enabled = True``).

The SDK grew and lost attributes over the years, and scripts assign them in long chains. A section therefore accepts
any public name: known ones are set, unknown ones are kept and named in one warning for each name and process.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, ClassVar, Iterator, Mapping, Sequence

from mlsteps.errors import InvalidInput, UnsupportedFeature

_warned: set[tuple[str, str]] = set()


class Section:
    """Base of configuration sections.

    ``_FIELDS`` names the public attributes in the order of the SDK's files; a subclass sets each in its constructor.
    """

    _FIELDS: ClassVar[Sequence[str]] = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if not self._knows(name):
            _warn_unknown(self._title(), name)
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # Reached only when normal look-up fails. Private names must fail: copying and duck-typing ask for them.
        if name.startswith("_") or self._knows(name):
            raise AttributeError(f"{self._title()} has no attribute {name!r}")
        _warn_unknown(self._title(), name)
        stub = UnknownSection(f"{self._title()}.{name}")
        object.__setattr__(self, name, stub)
        return stub

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._items())
        return f"{type(self).__name__}({inside})"

    def _title(self) -> str:
        return type(self).__name__

    def _knows(self, name: str) -> bool:
        return name.startswith("_") or name in self._FIELDS or hasattr(type(self), name)

    def _items(self) -> Iterator[tuple[str, Any]]:
        for name in self._FIELDS:
            yield name, getattr(self, name)

    def _changed(self) -> dict[str, Any]:
        """Fields that differ from those of a section nobody touched: what is worth writing down."""
        fresh = dict(type(self)()._items())
        return {name: plain(value) for name, value in self._items() if value != fresh[name]}

    def _to_yaml(self) -> dict[str, Any]:
        """All fields under the SDK's camelCase names."""
        return {camel(name): yaml_value(value) for name, value in self._items()}

    def _from_yaml(self, data: Mapping[str, Any] | None) -> None:
        """Take over what :meth:`_to_yaml` or the SDK wrote; unknown keys warn once."""
        if data is None:
            return
        if not isinstance(data, Mapping):
            raise InvalidInput(f"{self._title()} is {data!r}", expected="a mapping")
        for key, value in data.items():
            name = snake(str(key))
            current = getattr(self, name, None) if self._knows(name) else None
            if isinstance(current, Section):
                current._from_yaml(value)
            else:
                setattr(self, name, value)


class UnknownSection(Section):
    """What an unknown attribute gives when it is read: takes further attributes, counts as false, cannot be called."""

    def __init__(self, title: str) -> None:
        self._name = title

    def __bool__(self) -> bool:
        return False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedFeature(self._name, "the SDK has no such method, or mlsteps does not know it")

    def __repr__(self) -> str:
        return f"<unknown attribute {self._name}>"

    def _title(self) -> str:
        return self._name

    def _changed(self) -> dict[str, Any]:
        return {}

    # The first unknown name of a chain has warned already; the rest of the chain stays silent.
    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{self._title()} has no attribute {name!r}")
        stub = UnknownSection(f"{self._title()}.{name}")
        object.__setattr__(self, name, stub)
        return stub


def _warn_unknown(title: str, name: str) -> None:
    if (title, name) in _warned:
        return
    _warned.add((title, name))
    warnings.warn(f"{title}.{name} is not known to mlsteps; the value is kept and has no effect.", stacklevel=3)


def forget_warnings() -> None:
    """Let every unknown attribute warn again (for tests and long-lived processes)."""
    _warned.clear()


def camel(name: str) -> str:
    """``node_count`` as the SDK's files spell it: ``nodeCount``."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def snake(name: str) -> str:
    """``nodeCount`` as Python spells it: ``node_count``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def plain(value: Any) -> Any:
    """A section, mapping or sequence as JSON data; sections by their changed fields."""
    if isinstance(value, Section):
        return value._changed()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def yaml_value(value: Any) -> Any:
    """A value as it stands in the SDK's files; keys of plain mappings belong to the user and stay as they are."""
    if isinstance(value, Section):
        return value._to_yaml()
    if isinstance(value, Mapping):
        return {str(key): yaml_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [yaml_value(item) for item in value]
    return value
