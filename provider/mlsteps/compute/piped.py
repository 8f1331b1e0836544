"""Output from elsewhere, read by a thread of its own: whoever runs the step can be interrupted and look around."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterable


class Piped:
    """Bytes from a stream, through a pipe: it may be read in a signal handler, and it holds back a step that says more
    than is taken.

    :param pieces: blocks until the next piece; may raise at its end, which ends the output like any other end.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        #: What broke the stream, if anything did.
        self.error: Exception | None = None
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._copy, name="mlsteps-output", daemon=True)
        self._thread.start()

    def _copy(self) -> None:
        try:
            for piece in self._pieces:
                view = memoryview(piece)
                while len(view):
                    view = view[os.write(self._write, view) :]
        except Exception as error:  # whatever breaks a stream, the container itself is asked what it means
            self.error = error
        finally:
            os.close(self._write)

    def take(self, seconds: float) -> bytes | None:
        """The next bytes; None when there are none within ``seconds``, nothing (``b""``) at the end."""
        if not select.select([self._read], [], [], seconds)[0]:
            return None
        return os.read(self._read, 1 << 16)

    def close(self) -> None:
        """Take no more."""
        os.close(self._read)
        try:
            self._wake()
        except (OSError, ValueError, AttributeError) as error:  # it has ended by itself
            self.error = error
        self._thread.join(5.0)
        self._release()

    def _wake(self) -> None:
        """End the stream for a thread that waits for more."""

    def _release(self) -> None:
        """Let go of the connection."""
