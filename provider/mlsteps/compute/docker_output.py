"""A container's output, as the engine streams it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlsteps.compute.piped import Piped

if TYPE_CHECKING:
    from docker.types.daemon import CancellableStream


class Output(Piped):
    """Bytes from a stream of the engine."""

    def __init__(self, pieces: CancellableStream) -> None:
        super().__init__(pieces)
        self._stream = pieces

    def _wake(self) -> None:
        self._stream.close()

    def _release(self) -> None:
        self._stream._response.close()  # what close() leaves of the connection
