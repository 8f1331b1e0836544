"""Digests of a whole file while it passes: SHA-256, and MD5 where its store has said that, to be compared."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
from concurrent.futures import Executor
from typing import Any

from mlsteps.errors import StoreError

_MD5 = "md5:"


class Whole:
    """What has passed so far.

    :param stamp: what the store says of the file (see :class:`.base.Entry`).
    """

    def __init__(self, stamp: str = "") -> None:
        self._wanted = stamp[len(_MD5) :] if stamp.startswith(_MD5) else ""
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5() if self._wanted else None

    @property
    def is_compared(self) -> bool:
        """Whether the store has said a digest."""
        return self._md5 is not None

    def update(self, data: Any, beside: Executor | None = None) -> None:
        """Add what comes next.

        :param beside: may take a part of the work.
        """
        if beside is None or self._md5 is None:
            self._sha256.update(data)
            self.compare(data)
        else:
            other = beside.submit(self._md5.update, data)
            self._sha256.update(data)
            other.result()

    def compare(self, data: Any) -> None:
        """Add what comes next for the comparison alone, where the SHA-256 is known already."""
        if self._md5 is not None:
            self._md5.update(data)

    def copy(self) -> Whole:
        """Another that goes on from here."""
        other = copy.copy(self)
        other._sha256 = self._sha256.copy()
        other._md5 = None if self._md5 is None else self._md5.copy()
        return other

    def hexdigest(self) -> str:
        """The SHA-256, in hex."""
        return self._sha256.hexdigest()

    def fits(self) -> bool:
        """Whether it is what the store says."""
        return self._md5 is None or base64.b64encode(self._md5.digest()).decode() == self._wanted


class Altered(StoreError):
    """What came from ``place`` does not fit."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"{place}: what came is not what the store says it holds. It may have been written meanwhile, or been "
            "altered on its way."
        )


def verified(file: Any, stamp: str, size: int, place: str) -> Any:
    """An open file that is read from its start, such that its last bytes come only if all of it is what its store says.

    :param size: in bytes; negative when it is not known.
    """
    return _Verified(file, stamp, size, place) if stamp.startswith(_MD5) else file


class _Verified(io.RawIOBase):
    def __init__(self, file: Any, stamp: str, size: int, place: str) -> None:
        self._file, self._left, self._place = file, size, place
        self._whole = Whole(stamp)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._file.readinto(buffer))
        self._whole.update(memoryview(buffer).cast("B")[:count])
        self._left -= count
        if (self._left == 0 or not count) and not self._whole.fits():
            raise Altered(self._place)
        return count
