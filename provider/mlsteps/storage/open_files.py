"""Small things about files that are open."""

from __future__ import annotations

import io
import os
from typing import Any


def size_of(source: Any) -> int:
    """Of an open file in bytes, as far as it says so; 0 when it does not."""
    size = getattr(source, "size", None)
    try:
        return int(size) if size is not None else os.fstat(source.fileno()).st_size
    except (OSError, AttributeError, ValueError):
        return 0


def after(first: bytes, source: Any) -> Any:
    """``readinto`` that gives ``first`` and then the rest of ``source``."""
    start = io.BytesIO(first)
    return lambda buffer: start.readinto(buffer) or source.readinto(buffer)


def abandon(target: Any) -> None:
    """Give up a file being written: what came so far must not be committed."""
    if not isinstance(target, io.BytesIO) and hasattr(target, "discard"):
        target.discard()
        target.closed = True  # or its finaliser would flush and commit
    else:
        target.close()
