"""Which paths a pipeline may name: relative, and staying where they start."""

from __future__ import annotations

import re

_DRIVE = re.compile(r"[A-Za-z]:")


def path_fault(path: str, *, absolute: bool = False) -> str | None:
    """What is wrong with ``path``, as the end of a sentence; None when nothing is.

    :param absolute: whether it may start at the root.
    """
    if "\0" in path:
        return "holds a NUL character"
    if ".." in path and ".." in path.replace("\\", "/").split("/"):
        return "leaves its folder with '..'"
    if not absolute and (path[:1] in ("/", "\\") or _DRIVE.match(path)):
        return "is absolute"
    return None
