"""Mount points of ours: found in the kernel's list, and taken away."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from typing import List

#: How the kernel names file systems of ours.
KIND = "fuse.mlsteps"

_LIST = "/proc/self/mountinfo"
_MNT_DETACH = 2
_ESCAPED = re.compile(r"\\([0-7]{3})")


def mount_points(below: str = "") -> List[str]:
    """Where file systems of ours are mounted at or below a folder, the innermost first; none where there is no list."""
    try:
        with open(_LIST, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found = [_unescaped(line.split(" ")[4]) for line in lines if line.partition(" - ")[2].split(" ")[0] == KIND]
    folder = os.path.realpath(below) if below else ""
    wanted = [point for point in found if not folder or point == folder or point.startswith(folder + os.sep)]
    return sorted(wanted, key=len, reverse=True)


def _unescaped(text: str) -> str:
    """The list writes blanks and the like as octal numbers."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 8)), text)


def detach(point: str) -> bool:
    """Take a mount away at once, also while somebody still has files of it open; whether it is gone."""
    if os.geteuid() == 0:
        return _unmount(point)
    program = shutil.which("fusermount3") or shutil.which("fusermount")
    if program is None:
        return False
    asked = [program, "-u", "-z", "-q", "--", point]
    return subprocess.call(asked, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def _unmount(point: str) -> bool:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    return library.umount2(os.fsencode(point), _MNT_DETACH) == 0 or ctypes.get_errno() == errno.EINVAL


def detach_below(folder: str) -> None:
    """Take away every mount of ours in a folder that is about to be removed."""
    for point in mount_points(folder):
        detach(point)


def detach_dead() -> None:
    """Take away mounts of ours, anywhere, whose process was killed: nobody can read them any more."""
    for point in mount_points():
        try:
            os.statvfs(point)  # the kernel answers stat() by itself
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                detach(point)
