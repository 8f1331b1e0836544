"""Where things local to this machine lie."""

from __future__ import annotations

import os


def home() -> str:
    """The folder that ``MLSTEPS_HOME`` names, absolute; ``~/.mlsteps`` without it. Not made here."""
    return os.path.abspath(os.path.expanduser(os.environ.get("MLSTEPS_HOME") or os.path.join("~", ".mlsteps")))
