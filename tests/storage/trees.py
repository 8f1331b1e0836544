"""Small trees to test with."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Mapping


def make_tree(root: Path, contents: Mapping[str, str | bytes]) -> Path:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    root.mkdir(parents=True, exist_ok=True)
    return root


def read_tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


class Clock:
    """Moves what the digest cache takes for now, so that files just written count as settled."""

    def __init__(self, monkeypatch) -> None:
        self.ahead = 0
        for module in ("digests", "digest_cache"):
            monkeypatch.setattr(f"mlsteps.storage.{module}.now", lambda: time.time_ns() + self.ahead, raising=False)

    def settle(self) -> None:
        self.ahead += 10 * 10**9
        time.sleep(0.02)  # the next change gets another time, also where the system's clock goes in steps of 10 ms


class Reads:
    """Counts the files whose bytes are really read."""

    def __init__(self, monkeypatch) -> None:
        from mlsteps.storage import digests

        self.names: list[str] = []
        small, passed = digests._read_small, digests._passed

        def count_small(path, size):
            self.names.append(os.path.basename(path))
            return small(path, size)

        def count(path):
            self.names.append(os.path.basename(path))
            return passed(path)

        monkeypatch.setattr(digests, "_read_small", count_small)
        monkeypatch.setattr(digests, "_passed", count)

    def taken(self) -> list[str]:
        taken, self.names = sorted(self.names), []
        return taken
