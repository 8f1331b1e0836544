"""The runner's standard output: the script's bytes as they come, and a few notes of the runner's own."""

from __future__ import annotations

import os

#: What the runner's own lines begin with.
MARK = "[mlsteps] "


class Console:
    """Writes to a descriptor. That nobody reads it any more is no error: standard input says so too, and counts."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._in_line = False

    def forward(self, piece: bytes) -> None:
        """Pass output of the script on."""
        self._in_line = not piece.endswith(b"\n")
        view = memoryview(piece)
        try:
            while len(view):
                view = view[os.write(self._descriptor, view) :]
        except (BrokenPipeError, OSError):
            pass  # see the class

    def note(self, text: str) -> None:
        """Say something on a line of its own."""
        start = "\n" if self._in_line else ""
        self.forward(f"{start}{MARK}{text}\n".encode("utf-8", "replace"))
