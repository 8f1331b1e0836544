"""How far a transfer is: files, bytes, rate, and what is left, on a line every few seconds."""

from __future__ import annotations

import threading
import time
from typing import Callable

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class Progress:
    """Counts what many threads move.

    :param files: :param size: in all; :param note: takes a line; :param every: seconds between lines.
    """

    def __init__(self, files: int, size: int, note: Callable[[str], None], every: float = 5.0) -> None:
        self._files, self._size, self._note, self._every = files, size, note, every
        self._lock = threading.Lock()
        self._done = self._moved = self._kept = 0
        self._started = self._told = time.monotonic()
        self._told_bytes = 0

    def passed(self, count: int) -> None:
        """So many bytes have just been moved; negative when they have to be moved again."""
        line = None
        with self._lock:
            self._moved += count
            now = time.monotonic()
            if now - self._told >= self._every:
                line = self._line((self._moved - self._told_bytes) / (now - self._told))
                self._told, self._told_bytes = now, self._moved
        if line:
            self._note(line)

    def finished(self) -> None:
        """One more file is there."""
        with self._lock:
            self._done += 1

    def kept(self, size: int) -> None:
        """A file is there already and need not be moved."""
        with self._lock:
            self._done += 1
            self._kept += size

    def resumed(self, count: int) -> None:
        """So many bytes of a file on its way are there already; negative when it is begun again."""
        with self._lock:
            self._kept += count

    def summary(self) -> str:
        """All of it, at the end."""
        seconds = max(time.monotonic() - self._started, 1e-6)
        text = f"{self._done:,} files, {in_units(self._moved)} in {seconds:.1f} s, {in_units(self._moved / seconds)}/s"
        return text + (f"; {in_units(self._kept)} were there already" if self._kept else "")

    def _line(self, rate: float) -> str:
        left = max(0, self._size - self._kept - self._moved)
        wait = f", about {in_time(left / rate)} left" if rate > 0 and left else ""
        done, whole = self._moved + self._kept, max(self._size, self._moved + self._kept)
        return (
            f"{self._done:,} of {self._files:,} files, {in_units(done)} of {in_units(whole)}, {in_units(rate)}/s{wait}"
        )


def in_units(size: float) -> str:
    """A number of bytes for a person: ``1.2 GB`` (1 GB is 10^9 bytes)."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def in_time(seconds: float) -> str:
    """Seconds for a person: ``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
