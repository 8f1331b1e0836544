"""The output of a step's pod, as the kubelet keeps it and as it comes, up to the mark that ends it."""

from __future__ import annotations

from typing import Any

from mlsteps.compute.keeper import MARK
from mlsteps.compute.kubernetes_cluster import Cluster
from mlsteps.compute.kubernetes_pod import CONTAINER
from mlsteps.compute.kubernetes_said import Said, after
from mlsteps.compute.lines import Lines
from mlsteps.compute.piped import Piped


class Log:
    """Hands a pod's output to lines; a connection that breaks is made again without saying anything twice.

    :param said: what a trigger has handed on already.
    """

    def __init__(self, cluster: Cluster, pod: str, lines: Lines, said: Said = Said()) -> None:  # noqa: B008
        self._cluster, self._pod, self._lines, self._said = cluster, pod, lines, said
        #: Bytes that were taken, and how many of them come again now.
        self._taken = self._known = 0
        self._held = b""
        #: Whether the mark came.
        self.has_ended = False
        #: Whether the connection has ended.
        self.is_broken = False
        self._pipe = self._opened()

    def take(self, seconds: float) -> bytes | None:
        """The next bytes, which have been handed on; None when there are none within ``seconds``."""
        self.has_ended = False
        piece = self._pipe.take(seconds)
        if piece == b"":
            self.is_broken = True
            self._hand_on(b"", final=True)
        if not piece:
            return piece
        known = min(self._known, len(piece))
        self._known -= known
        self._taken += len(piece) - known
        self._hand_on(piece[known:], final=False)
        return piece

    def _hand_on(self, piece: bytes, *, final: bool) -> None:
        """All but the mark, and what may be its beginning."""
        before, mark, after = (self._held + piece).partition(MARK)
        if mark:
            self.has_ended = True
            before, after = before + after, b""
        keep = 0 if final or mark else _beginning(before)
        self._held = before[len(before) - keep :]
        self._lines.feed(before[: len(before) - keep])

    def again(self) -> None:
        """Once more from its first byte, passing over those that were handed on before."""
        self._pipe.close()
        self._known, self.is_broken = self._taken, False
        self._pipe = self._opened()

    def _opened(self) -> _Pipe:
        return _Pipe(self._cluster.log(self._pod, CONTAINER, times=bool(self._said.time)), self._said)

    def close(self) -> None:
        """Take no more."""
        self._pipe.close()


def _beginning(data: bytes) -> int:
    """How many bytes at the end of it may be the first ones of the mark."""
    return next((count for count in range(len(MARK) - 1, 0, -1) if data.endswith(MARK[:count])), 0)


class _Pipe(Piped):
    """Bytes of an HTTP response."""

    def __init__(self, response: Any, said: Said) -> None:
        pieces = response.stream(1 << 16)
        super().__init__(after(pieces, said) if said.time else pieces)
        self._response = response

    def _wake(self) -> None:
        self._response.shutdown()

    def _release(self) -> None:
        self._response.close()
