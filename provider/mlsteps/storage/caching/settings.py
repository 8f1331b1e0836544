"""How much may be kept, and how it is shared."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from mlsteps.errors import InvalidInput

#: ``20GB``, ``500 MB``, ``15%`` of the file system, ``0`` to keep nothing.
SIZE = "MLSTEPS_CACHE_SIZE"
#: ``auto``: a link to what is kept, where the script's user cannot write to it, else a copy. ``copy``: always a copy.
SHARE = "MLSTEPS_DOWNLOAD"

_DEFAULT = "20%"
_SPARE = 0.1  # of the file system stay free, whatever the setting says
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[kmgt]?i?b?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


class Disk(NamedTuple):
    """Bytes of a file system: all of them, and those that are free."""

    total: int
    free: int


def disk_of(folder: str) -> Disk:
    """The file system of a folder, which need not be there yet."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    found = os.statvfs(folder)
    return Disk(found.f_frsize * found.f_blocks, found.f_frsize * found.f_bavail)


def limit(disk: Disk, kept: int) -> int:
    """How many bytes may be kept.

    :param kept: bytes that are kept now.
    :raises InvalidInput: for a setting that cannot be read.
    """
    text = (os.environ.get(SIZE) or _DEFAULT).strip()
    found = _FORM.fullmatch(text)
    unit = found.group(2).lower().rstrip("b") if found else ""
    if found is None or (unit != "%" and unit not in _UNITS):
        raise InvalidInput(f"{SIZE} is {text!r}", expected="a size such as '20GB' or '15%' of the disk, or 0")
    number = float(found.group(1))
    wanted = disk.total * number / 100 if unit == "%" else number * _UNITS[unit]
    return max(0, int(min(wanted, kept + disk.free - disk.total * _SPARE)))


def copies_always() -> bool:
    """Whether scripts get copies even where links would do.

    :raises InvalidInput: for a setting that cannot be read.
    """
    text = os.environ.get(SHARE) or "auto"
    if text not in ("auto", "copy"):
        raise InvalidInput(f"{SHARE} is {text!r}", expected="'auto' or 'copy'")
    return text == "copy"
