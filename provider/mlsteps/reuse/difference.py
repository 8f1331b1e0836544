"""What differs between two preimages, down to the field, in words. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from mlsteps.contracts.codec import canonical

_ABSENT = object()
_WIDTH = 60


class Change(NamedTuple):
    """One difference.

    :param component: of the preimage (``arguments``); :param where: what of it, in words (``argument 3``).
    :param before, after: the values; None where there is none.
    """

    component: str
    where: str
    before: Any
    after: Any
    words: str = ""

    def __str__(self) -> str:
        if self.words:
            return f"{self.where}: {self.words}"
        if self.before is None:
            return f"{self.where}: {shown(self.after)} added"
        if self.after is None:
            return f"{self.where}: {shown(self.before)} removed"
        return f"{self.where}: {shown(self.before)} -> {shown(self.after)}"


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The changes that lead from ``old`` to ``new``, in the order of the components."""
    changes: list[Change] = []
    for component in components(old, new):
        before, after = old.get(component), new.get(component)
        if canonical(before) != canonical(after):
            told = _CHANGES.get(component, _fields)(component, before, after, old, new)
            changes.extend(told or _whole(component, before, after, old, new))
    return changes


def components(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of all components that either has."""
    return [name for name in dict.fromkeys([*new, *old]) if name != "details"]


def summary(old: Mapping[str, Any], new: Mapping[str, Any], limit: int = 8) -> str:
    """The differences as one line: ``2 of 9 components differ: source: train.py changed; argument 3: 0.1 -> 0.2``."""
    changes = difference(old, new)
    known = components(old, new)
    differing = len({change.component for change in changes})
    if not changes:
        return f"none of {len(known)} components differs"
    told = "; ".join(str(change) for change in changes[:limit])
    more = f"; and {len(changes) - limit} more" if len(changes) > limit else ""
    return f"{differing} of {len(known)} components differ{'s' if differing == 1 else ''}: {told}{more}"


def shown(value: Any) -> str:
    """A value in a message: short, texts as they are written in code."""
    words = canonical(value) if isinstance(value, (Mapping, list, tuple)) else repr(value)
    return words if len(words) <= _WIDTH else f"{words[: _WIDTH - 3]}..."


def _whole(component: str, before: Any, after: Any, old: Any, new: Any) -> list[Change]:
    return [Change(component, component, before, after)]


def _source(component: str, before: Any, after: Any, old: Any, new: Any) -> list[Change]:
    files = _named_files((old.get("details") or {}).get("files"), (new.get("details") or {}).get("files"))
    words = files or ("changed" if before and after else "")
    return [Change(component, component, before, after, words)]


def _named_files(before: Mapping[str, str] | None, after: Mapping[str, str] | None, limit: int = 5) -> str:
    """``train.py changed, new.py added``; "" when one side's files are not known."""
    if before is None or after is None:
        return ""
    paths = sorted({*before, *after})
    words = [
        f"{path} {_fate(before.get(path), after.get(path))}" for path in paths if before.get(path) != after.get(path)
    ]
    return ", ".join(words[:limit]) + (f" and {len(words) - limit} more files" if len(words) > limit else "")


def _fate(before: Any, after: Any) -> str:
    return "added" if before is None else "removed" if after is None else "changed"


def _arguments(component: str, before: Any, after: Any, old: Any, new: Any) -> list[Change]:
    """Each argument by its number, counted from 1; when some were put in or taken out, the others are lined up."""
    if not isinstance(before or [], list) or not isinstance(after or [], list):
        return _whole(component, before, after, old, new)
    one, other = list(before or []), list(after or [])
    noun = "argument" if component == "arguments" else "command part"
    matcher = SequenceMatcher(None, list(map(canonical, one)), list(map(canonical, other)), autojunk=False)
    return [
        Change(component, f"{noun} {number}", a, b)
        for tag, low, high, start, end in matcher.get_opcodes()
        if tag != "equal"
        for number, a, b in _lined_up(one, low, high, other, start, end)
    ]


def _lined_up(
    one: Sequence[Any], low: int, high: int, other: Sequence[Any], start: int, end: int
) -> Iterator[tuple[int, Any, Any]]:
    for step in range(max(high - low, end - start)):
        a = one[low + step] if low + step < high else None
        b = other[start + step] if start + step < end else None
        yield (start + step + 1 if b is not None else low + step + 1), a, b


def _ports(component: str, before: Any, after: Any, old: Any, new: Any) -> list[Change]:
    one, other = list(before or []), list(after or [])
    noun = component[:-1]
    changes = []
    for number in range(max(len(one), len(other))):
        a = one[number] if number < len(one) else None
        b = other[number] if number < len(other) else None
        where = f"{noun} {_port_name(new if b is not None else old, component, number)}"
        if a is None or b is None:
            changes.append(Change(component, where, a, b, "added" if a is None else "removed"))
        elif canonical(a) != canonical(b):
            changes.extend(_port_fields(component, where, a, b, _contents(old, number), _contents(new, number)))
    return changes


def _port_fields(component: str, where: str, a: Any, b: Any, old: Any, new: Any) -> list[Change]:
    changes = []
    for field in dict.fromkeys([*b, *a]):
        before, after = a.get(field), b.get(field)
        if canonical(before) == canonical(after):
            continue
        words = ""
        if field == "content":
            words = f"the data changed{_because(old, new)}"
        changes.append(Change(component, where if words else f"{where}, {field}", before, after, words))
    return changes


def _because(old: Any, new: Any) -> str:
    named = _named_files(
        {row[0]: canonical(row[1:]) for row in old or []}, {row[0]: canonical(row[1:]) for row in new or []}
    )
    return f" ({named})" if named else ""


def _port_name(preimage: Mapping[str, Any], component: str, number: int) -> str:
    names = (preimage.get("details") or {}).get(component) or []
    if number >= len(names):
        return str(number + 1)
    name = names[number]
    return repr(name[0] if isinstance(name, (list, tuple)) and name else name)


def _contents(preimage: Mapping[str, Any], number: int) -> Any:
    details = preimage.get("details") or {}
    names = details.get("inputs") or []
    aliases = names[number] if number < len(names) else []
    return next((rows for name, rows in (details.get("contents") or {}).items() if name in aliases), None)


def _fields(component: str, before: Any, after: Any, old: Any, new: Any) -> list[Change]:
    """Nested data: each value that differs, by its dotted path."""
    words = component.replace("_", " ")
    return [
        Change(
            component, f"{words} {path}" if path else words, None if a is _ABSENT else a, None if b is _ABSENT else b
        )
        for path, a, b in _leaves("", _ABSENT if before is None else before, _ABSENT if after is None else after)
    ]


def _leaves(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if before is not _ABSENT and after is not _ABSENT and canonical(before) == canonical(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*after, *before]):
            below = f"{path}.{key}" if path else str(key)
            yield from _leaves(below, before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif _is_texts(before) and _is_texts(after):
        yield from ((path, item, _ABSENT) for item in before if item not in after)
        yield from ((path, _ABSENT, item) for item in after if item not in before)
        if sorted(before) == sorted(after):
            yield path, before, after
    else:
        yield path, before, after


def _is_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


_CHANGES = {
    "source": _source,
    "arguments": _arguments,
    "command": _arguments,
    "inputs": _ports,
    "outputs": _ports,
    "type": _whole,
    "script": _whole,
    "version": _whole,
    "format": _whole,
}
