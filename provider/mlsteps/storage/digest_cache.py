"""Remembered digests of a tree's files, keyed by what the file system says of each.

One file a tree under ``$MLSTEPS_HOME/cache/digests``: a line with what is needed when nothing changed, then a line with
every file's digest. Losing one, or two processes writing it at once, costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any, Dict, FrozenSet, List, Tuple

from mlsteps.storage import files
from mlsteps.storage.places import home
from mlsteps.storage.walk import Row

#: Raise when a file of the release before would be misread.
VERSION = 1

#: A file changed within this many ns before it was looked at is never trusted later: a second change could leave the
#: same times behind ("racy git"). Two seconds is the coarsest step of a file system's clock.
RACY = 2 * 10**9

#: What identifies a state of a file: size, mtime, inode, ctime.
Stat = Tuple[int, int, int, int]


class DigestCache:
    """What is remembered of one tree.

    :param root: the tree's folder; :param use: keeps uses with different rules apart; :param rules: identity of the
        rules that say which files count; anything remembered under other rules is dropped.
    """

    def __init__(self, root: str, use: str = "tree", rules: str = "") -> None:
        self.root = os.path.realpath(root)
        key = hashlib.sha256(f"{self.root}\0{use}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self.path = os.path.join(home(), "cache", "digests", key + ".json")
        self._identity = {"version": VERSION, "root": self.root, "use": use, "rules": rules}
        found = self._line(0)
        ours = isinstance(found, dict) and all(found.get(name) == value for name, value in self._identity.items())
        self.head: Dict[str, Any] = found if ours else {}

    def _line(self, number: int) -> Any:
        try:
            with open(self.path, "rb") as file:
                for _ in range(number):
                    file.readline()
                return json.loads(file.readline().decode("utf-8", "surrogatepass"))
        except (OSError, ValueError):
            return None  # none yet, or not whole: everything is read again

    @property
    def left_out(self) -> FrozenSet[str]:
        """Paths that the rules are known to leave out; folders end in ``/``."""
        return frozenset(self.head.get("left_out", ()))

    def summary(self, state: str | None) -> Dict[str, Any] | None:
        """The summary kept for the whole tree in this state (:func:`mlsteps.storage.walk.state_of`)."""
        return self.head["summary"] if state is not None and self.head.get("state") == state else None

    def digests(self) -> Dict[str, Tuple[Stat, str]]:
        """Remembered digests by path, each with the state of the file it belongs to."""
        body = self._line(1) if self.head else None
        if not isinstance(body, list) or len(body) != 3:
            return {}
        return {path: (tuple(stat), digest) for path, stat, digest in zip(*body)}

    def save(
        self,
        rows: List[Row],
        digests: Dict[str, str],
        looked: int,
        *,
        state: str | None = None,
        summary: Dict[str, Any] | None = None,
        left_out: FrozenSet[str] = frozenset(),
        others: Dict[str, Tuple[Stat, str]] | None = None,
    ) -> None:
        """Remember ``digests`` of the files in ``rows``, leaving out those that changed just before ``looked``.

        :param looked: a moment before the rows were taken, ns since the epoch.
        :param state: of the whole tree, taken before the rows were; with ``summary``, which is kept for it when no
            file is too new to be trusted.
        :param others: remembered digests of files that were not asked for this time.
        """
        settled = [row for row in rows if max(row[2], row[4]) < looked - RACY]
        head: Dict[str, Any] = dict(self._identity, left_out=sorted(left_out))
        if state is not None and summary is not None and len(settled) == len(rows):
            head.update(state=state, summary=summary)
        kept = [(row[0], row[1:], digests[row[0]]) for row in settled]
        kept += [(path, stat, digest) for path, (stat, digest) in (others or {}).items()]
        body = [[item[0] for item in kept], [item[1] for item in kept], [item[2] for item in kept]]
        text = "\n".join(json.dumps(part, separators=(",", ":")) for part in (head, body))
        try:
            files.write_whole(self.path, text.encode("ascii"))
        except OSError:
            return  # a full or read-only home: the next call reads the files again


def now() -> int:
    """Now, in ns since the epoch, as file times are."""
    return time.time_ns()
