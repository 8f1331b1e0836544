"""A large file that comes in order from its start, or from where a killed try was: what a store is told of it."""

from __future__ import annotations

from typing import BinaryIO, Callable, NamedTuple

#: From this size in bytes on a file's parts are kept for a try that comes after a killed one.
LARGE = 64 << 20


class Coming(NamedTuple):
    """A large file that is to be received.

    :param key: names this content, as far as its store tells it from another; hex.
    :param size: in bytes.
    :param open: the bytes from one place to another, as a file.
    :param check: raises when the content is not that any more; called when all has been read.
    :param is_near: reading it moves no bytes between machines, so it may be read again for its digest.
    :param place: its address, for errors; :param stamp: what its store says of it, such as its MD5.
    """

    key: str
    size: int
    open: Callable[[int, int], BinaryIO]
    check: Callable[[], None]
    is_near: bool
    place: str = ""
    stamp: str = ""


class Remarks:
    """What is to be known of a file on its way by a later try: one short text. This one forgets it."""

    def read(self) -> str:
        """What was written last; "" for nothing."""
        return ""

    def write(self, text: str) -> None:
        """Keep it."""


#: Told how many bytes need not be moved again.
Kept = Callable[[int], None]
