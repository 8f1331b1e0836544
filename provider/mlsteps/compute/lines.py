"""Bytes as they come, lines as a log wants them."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable

#: A line is cut after so many characters; a log cannot hold one without end.
LONGEST = 1 << 20


class Lines:
    """Cuts a stream of UTF-8 into lines and hands them on. What is no UTF-8 is replaced, never an error.

    Of a line that was written over with carriage returns (progress bars) the last state is kept, as on a terminal.
    """

    def __init__(self, on_line: Callable[[str], None], keep: int = 30) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._open: list[str] = []
        self._length = 0
        #: The last lines handed on.
        self.last: deque[str] = deque(maxlen=keep)

    def feed(self, piece: bytes, final: bool = False) -> None:
        """Take the next bytes; with ``final`` the last line need not have an end."""
        *whole, rest = self._decoder.decode(piece, final).split("\n")
        for part in whole:
            self._open.append(part)
            self._end()
        self._open.append(rest)
        self._length += len(rest)
        if self._length >= LONGEST or (final and self._length):
            self._end()

    def note(self, text: str) -> None:
        """Say something of our own, on a line of its own."""
        self._on_line(text)

    def _end(self) -> None:
        text = "".join(self._open).rstrip("\r")
        self._open, self._length = [], 0
        line = text.rpartition("\r")[2]
        self.last.append(line)
        self._on_line(line)
