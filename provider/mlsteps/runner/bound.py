"""The script's process is bound to the runner's: when the runner ends, however that happens, the kernel kills it.

A process asks for that itself (``PR_SET_PDEATHSIG``), between fork and exec. Where the runner is a fork of Airflow's
task, that fork copies the tables of 150 MB, several times what all else takes to start a script. ``setpriv`` of
util-linux asks for it as well: a program that can be started without a copy (``vfork``), and becomes the script.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Callable, List, Mapping, NamedTuple, Optional, Sequence

from mlsteps.runner import tree

_setpriv: Optional[str] = None
#: What util-linux before 2.33, and other programs of this name, refuse.
_BIND = ("--pdeathsig", "KILL", "--")


class Start(NamedTuple):
    """A command, and what its process calls before it (see ``subprocess.Popen``)."""

    command: List[str]
    before: Optional[Callable[[], None]]


def look_for_setpriv() -> None:
    """Find ``setpriv`` and try it, once for all processes that are forked from this one."""
    global _setpriv
    found, probe = shutil.which("setpriv"), shutil.which("true")
    if found and probe:
        try:
            tried = subprocess.run([found, *_BIND, probe], capture_output=True, timeout=10, check=False)
        except (OSError, subprocess.SubprocessError):
            return
        _setpriv = found if tried.returncode == 0 else None


def bound(command: Sequence[str], folder: str, variables: Mapping[str, str]) -> Start:
    """How to start a command that ends with this process.

    :param folder: its working directory; :param variables: its environment.
    """
    # Only what setpriv is sure to start: for everything else subprocess itself says best what is wrong.
    if _setpriv and _is_program(command[0], folder, variables.get("PATH", os.defpath)):
        return Start([_setpriv, *_BIND, *command], None)
    return Start(list(command), tree.dying_with_parent())


def _is_program(name: str, folder: str, path: str) -> bool:
    found = os.path.join(folder, name) if os.sep in name else shutil.which(name, path=path)
    if not found or not os.path.isfile(found) or not os.access(found, os.X_OK):
        return False
    try:
        with open(found, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False
