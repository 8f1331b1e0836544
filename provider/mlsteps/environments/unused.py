"""What this machine keeps for steps, and when it was last of use."""

from __future__ import annotations

import os
import shutil
import time
from typing import Iterator

from mlsteps.storage.places import home

#: In each folder that is kept: its time is that of the last use.
USED = "used"
_DAY = 86400.0
#: Ends the name of what is being removed; a removal that was interrupted leaves it for the next.
_AWAY = ".old"


def mark(folder: str) -> None:
    """Say that a folder is of use now."""
    path = os.path.join(folder, USED)
    try:
        os.utime(path)
    except FileNotFoundError:
        with open(path, "a", encoding="ascii"):
            pass


def last_use(folder: str) -> float:
    """When a folder was last of use, in seconds since the epoch; when it was made, if nothing says more."""
    for name in (USED, "complete"):
        try:
            return os.stat(os.path.join(folder, name)).st_mtime
        except FileNotFoundError:
            continue
    return os.stat(folder).st_mtime


def prune(days: float) -> list[str]:
    """Remove virtual environments and storage drivers that nobody has used for ``days``; their folders.

    One that is being made is young, and stays. Run it when no step is about to start with an environment that old.
    """
    removed = []
    for folder in sorted(_folders()):
        if time.time() - last_use(folder) > days * _DAY:
            # Not found any more first, then removed: nobody takes up half of one.
            away = folder if folder.endswith(_AWAY) else folder + _AWAY
            if away != folder:
                shutil.rmtree(away, ignore_errors=True)
                os.replace(folder, away)
            shutil.rmtree(away, ignore_errors=True)
            removed.append(folder)
    return removed


def _folders() -> Iterator[str]:
    for parent in (os.path.join(home(), "environments"), os.path.join(home(), "cache", "drivers")):
        for name in os.listdir(parent) if os.path.isdir(parent) else ():
            path = os.path.join(parent, name)
            if os.path.isdir(path):
                yield path
