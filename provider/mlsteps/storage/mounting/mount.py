"""Mount files of remote stores: start the process that serves them, follow it, end it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Mapping

from mlsteps.errors import StoreError
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.mounting.points import detach, mount_points

#: As a step's runner: an isolated interpreter that still finds mlsteps where it lies, last on its path.
_BOOT = """
import sys
sys.path.append(sys.argv.pop(1))
from mlsteps.storage.mounting.serve import main
sys.exit(main())
"""
#: Variable that says how files of remote stores are mounted: ``auto``, ``fuse`` or ``download``.
MODE = "MLSTEPS_MOUNT"
_DEVICE = "/dev/fuse"
#: Seconds in which a mount must be there, with all drivers loaded and the list of files read.
_PATIENCE = 120.0
#: Seconds in which its process ends by itself.
_TO_END = 5.0


class CannotMount(StoreError):
    """There can be no mount here; the message says why, for a log."""


def why_not() -> str | None:
    """Why this machine cannot mount at all; None when it may well."""
    if not sys.platform.startswith("linux"):
        return "FUSE is used on Linux only"
    if not os.path.exists(_DEVICE) or not os.access(_DEVICE, os.R_OK | os.W_OK):
        return f"{_DEVICE} is not there, or not for this user"
    if os.geteuid() != 0 and not (shutil.which("fusermount3") or shutil.which("fusermount")):
        return "fusermount3 is not installed (package fuse3)"
    if importlib.util.find_spec("mfusepy") is None:
        return "mfusepy is not installed (pip install airflow-provider-mlsteps[mount])"
    return None


def mount(found: List[SourceFile], point: str, note: Callable[[str], None]) -> Mount:
    """Mount files at a folder, which is there and empty.

    :param note: told what goes wrong with the stores while the mount is read, from a thread of its own.
    :raises CannotMount: when it cannot be; nothing is left behind then.
    """
    reason = why_not()
    if reason is not None:
        raise CannotMount(reason)
    request = _request(found, point)
    return Mount(point, request, note)


def _request(found: List[SourceFile], point: str) -> Dict[str, Any]:
    """What the process is told."""
    numbers: Dict[int, int] = {}
    stores: List[Mapping[str, Any]] = []
    rows: List[List[Any]] = []
    for item in found:
        number = numbers.get(id(item.store))
        if number is None:
            if item.store.opened_with is None:
                raise CannotMount(f"{item.store.url} cannot be opened by another process")
            number = numbers[id(item.store)] = len(stores)
            stores.append(item.store.opened_with)
            _try_a_part(item)
        if item.size < 0:
            raise CannotMount(f"{item.store.url_of(item.path)}: its server does not say how large it is")
        rows.append([item.relative, number, item.path, item.size, item.stamp, item.changed])
    return {"point": point, "stores": stores, "files": rows}


def _try_a_part(item: SourceFile) -> None:
    """Not every web server gives parts of a file."""
    if item.size > 1 and item.store.url.startswith("http"):
        try:
            item.store.read_range(item.path, item.size - 1, 1)
        except StoreError as error:
            raise CannotMount(error.message) from error


class Mount:
    """A mount, until :meth:`stop`; made by :func:`mount`.

    :ivar point: the folder.
    """

    def __init__(self, point: str, request: Mapping[str, Any], note: Callable[[str], None]) -> None:
        self.point = point
        self._note = note
        self._answered = threading.Event()
        self._error: str | None = "its process ended"
        self._last: Deque[str] = deque(maxlen=5)
        self._stopping = False
        self._lock = threading.Lock()
        self._process = self._start(request)

    @property
    def pid(self) -> int:
        """Of the process that serves it."""
        return self._process.pid

    @property
    def is_broken(self) -> bool:
        """Whether its process is gone though nobody stopped it: what was read of it since may be anything."""
        return not self._stopping and self._process.poll() is not None

    def _start(self, request: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        import mlsteps

        root = os.path.dirname(os.path.dirname(os.path.abspath(mlsteps.__file__)))
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, root, "mlsteps-mount", self.point],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # what ends a step's processes must leave it time to unmount
                cwd="/",
            )
        except OSError as error:
            raise CannotMount(f"{sys.executable} could not be started: {error.strerror}") from error
        self._process = process
        threading.Thread(target=self._listen, args=(process,), name="mlsteps-mount", daemon=True).start()
        before = os.stat(self.point).st_dev
        self._tell(json.dumps(request).encode() + b"\n")
        if not self._answered.wait(_PATIENCE):
            self._error = f"it was not there after {_PATIENCE:g} s"
        while self._error is None and not _is_there(self.point, before):
            if process.poll() is not None:
                self._error = "its process ended"
            time.sleep(0.001)
        if self._error is not None:
            self.stop()
            raise CannotMount("; ".join([self._error, *self._last]))
        return process

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except OSError:
            pass  # it is gone already, and says why

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.decode("utf-8", "replace").strip()
            message = _message(text)
            if message is not None:
                self._heard(message)
            else:
                self._last.append(text)  # of a library: worth showing when there is no mount
        process.stdout.close()
        self._answered.set()
        if self._error is None and not self._stopping:
            self._note(f"The process that serves the mount {self.point} ended unexpectedly: nothing of it can be read.")

    def _heard(self, message: Mapping[str, Any]) -> None:
        if "note" in message:
            self._note(f"Mount {self.point}: {message['note']}")
            return
        self._error = message.get("error")
        self._answered.set()

    def stop(self) -> None:
        """Unmount. Files of it that are still open cannot be read any more."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
        process = self._process
        try:
            if process.stdin is not None:
                process.stdin.close()
        except OSError:
            pass  # it is gone: flushing what it did not take is what fails
        try:
            process.wait(_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if os.path.realpath(self.point) in mount_points(self.point):  # it was killed
            detach(self.point)


def _is_there(point: str, before: int) -> bool:
    """Whether something is mounted there and answers; ``before`` is the device that the folder lay on."""
    try:
        return os.stat(point).st_dev != before
    except OSError:
        return False  # the kernel has it, and its process does not answer yet, or not any more


def _message(text: str) -> Dict[str, Any] | None:
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
