"""Digests of local sources that are known already: planning a step has read the files, or an earlier transfer has."""

from __future__ import annotations

import os
from typing import Dict, List, Tuple

from mlsteps.storage.base import Known
from mlsteps.storage.copying.plan import Item
from mlsteps.storage.digest_cache import DigestCache, Stat, now
from mlsteps.storage.local_copy import state_of_file
from mlsteps.storage.walk import Row

#: From this size in bytes on it pays to remember a digest; smaller files are read as soon as looked up.
LARGE = 1 << 20


class SourceDigests:
    """What is remembered of the large local files among the items of a plan."""

    def __init__(self, items: List[Item]) -> None:
        self._looked = now()
        paths = {item.path: self._local(item) for item in items if item.source.size >= LARGE}
        self._paths = {path: local for path, local in paths.items() if local}
        self._root = os.path.commonpath([os.path.dirname(path) for path in self._paths.values()]) if self._paths else ""
        self._cache = DigestCache(self._root) if self._paths else None
        self._known = self._cache.digests() if self._cache else {}
        self._learnt: Dict[str, Tuple[Row, str]] = {}
        self._before: Dict[str, Stat] = {}

    @staticmethod
    def _local(item: Item) -> str:
        return item.source.store.local_path(item.source.path) or ""

    def known(self, item: Item) -> Known | None:
        """The digest that is remembered of an item's source, which is about to be read, and the state it belongs to."""
        if item.path not in self._paths:
            return None
        self._before[item.path] = state_of_file(os.stat(self._paths[item.path]))
        found = self._known.get(self._name(item))
        return Known(found[1], found[0]) if found else None

    def learn(self, item: Item, sha256: str) -> None:
        """The digest of a source that has just been read; of one that has changed since then it says nothing."""
        before = self._before.get(item.path)
        if before is not None and before == state_of_file(os.stat(self._paths[item.path])):
            self._learnt[self._name(item)] = ((self._name(item), *before), sha256)

    def keep(self) -> None:
        """Remember what was learnt."""
        new = {name: value for name, value in self._learnt.items() if self._known.get(name, ("", ""))[1] != value[1]}
        if not new or self._cache is None:
            return
        others = {name: value for name, value in self._known.items() if name not in new}
        digests = {name: value[1] for name, value in new.items()}
        self._cache.save([value[0] for value in new.values()], digests, self._looked, others=others)

    def _name(self, item: Item) -> str:
        return os.path.relpath(self._paths[item.path], self._root).replace(os.sep, "/")
