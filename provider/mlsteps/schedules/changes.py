"""What a poll finds below a path: files that are new or changed, and files that are gone. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Tuple


class Batch(NamedTuple):
    """What is to be done about a poll.

    :param changed: ``(path, stamp)`` of each file that starts a run, sorted by path; :param gone: paths to forget, so
        that a file which comes back counts as added.
    """

    changed: List[Tuple[str, str]]
    gone: List[str]

    def to_json(self) -> Dict[str, Any]:
        """Its JSON form."""
        return {"changed": [list(item) for item in self.changed], "gone": self.gone}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Batch:
        """What :meth:`to_json` wrote."""
        return cls([(path, stamp) for path, stamp in data["changed"]], list(data["gone"]))


def changes(found: Iterable[Tuple[str, str]], seen: Mapping[str, str], limit: int) -> Batch:
    """Compare a listing with what was seen before.

    :param found: ``(path, stamp)`` of every file there is; :param seen: ``{path: stamp}``.
    :param limit: at most so many changed files; the others are found by the next poll.
    """
    now = dict(found)
    changed = sorted(item for item in now.items() if seen.get(item[0]) != item[1])
    return Batch(changed[:limit], sorted(set(seen) - set(now)))


def settled(batch: Batch, seen: Mapping[str, str]) -> Dict[str, str]:
    """What has been seen when a batch is done."""
    gone = set(batch.gone)
    return {**{path: stamp for path, stamp in seen.items() if path not in gone}, **dict(batch.changed)}
