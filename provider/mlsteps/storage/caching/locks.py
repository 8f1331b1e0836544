"""A lock that ends with its holder, and leaves no file behind."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock of that name, waiting for it; among processes and threads of this machine."""
    descriptor = _acquire(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.unlink(path)  # while it is held: whoever waits sees that it has gone, and makes another
        os.close(descriptor)


def _acquire(path: str, how: int) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how)
            if _is_same(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_same(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def is_locked(path: str) -> bool:
    """Whether somebody holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
