"""Questions to a keeper (:mod:`.keeper`) and its answers, as messages over whatever carries bytes both ways."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from mlsteps.compute import keeper

#: The most that goes into one piece.
_PIECE = 1 << 18


class Talk(ABC):
    """Questions, one after the other."""

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(self, what: str, *words: Any, pieces: Iterable[bytes] | None = None) -> Any:
        """Ask, perhaps with a message that follows; the document that is answered."""
        self.question(what, *words, pieces=pieces)
        return keeper.load(b"".join(self.message()))

    def question(self, what: str, *words: Any, pieces: Iterable[bytes] | None = None) -> None:
        """Ask what is answered by messages, which are then to be taken."""
        self._send([json.dumps([what, *words]).encode("utf-8", "surrogatepass")])
        if pieces is not None:
            self._send(pieces)

    def message(self) -> Iterator[bytes]:
        """The pieces of the next message."""
        while True:
            count = int.from_bytes(self._exactly(4), "big")
            if not count:
                return
            yield self._exactly(count)

    def _send(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            for at in range(0, len(piece), _PIECE):
                part = piece[at : at + _PIECE]
                self._write(len(part).to_bytes(4, "big") + part)
        self._write(keeper.END)

    @abstractmethod
    def close(self) -> None:
        """Ask nothing more."""

    @abstractmethod
    def _write(self, data: bytes) -> None:
        """All of it."""

    @abstractmethod
    def _exactly(self, count: int) -> bytes:
        """So many bytes of the answers; an error of the target's kind when there are no more."""
