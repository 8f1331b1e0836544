"""The process that serves one mount: ``main`` of the program that :mod:`.mount` starts.

Standard input: one JSON line, ``{"point", "stores": [{"url", "credentials"?}], "files": [[relative, store, path, size,
stamp, changed]]}``, then held open; when it closes, the mount ends. Standard output: JSON lines, ``{"mounted": true}``,
``{"error": why it cannot be}``, ``{"note": what went wrong while it was read}``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any, Mapping

from mlsteps.errors import AzureMLException
from mlsteps.storage.mounting.filesystem import REQUEST, FileSystem
from mlsteps.storage.mounting.points import KIND, detach
from mlsteps.storage.mounting.tree import Tree
from mlsteps.storage.open import open_store

#: Seconds the kernel may rely on what it was told: the list of files does not change.
_FIXED = 24 * 3600
_lock = threading.Lock()


def main() -> int:
    """Serve until standard input closes; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for whoever reads the mount
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 1
    wanted = json.loads(line.decode("utf-8", "surrogatepass"))
    threading.Thread(target=_watch, args=(str(wanted["point"]),), name="mlsteps-end", daemon=True).start()
    try:
        _serve(wanted)
    except AzureMLException as error:
        _say(error=error.message)
    except Exception as error:  # whatever it is, whoever waits for the mount hears of it
        _say(error=f"{type(error).__name__}: {error}")
    return 1  # it never ends by itself: _watch() ends it


def _serve(wanted: Mapping[str, Any]) -> None:
    os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")
    import mfusepy  # type: ignore[import-not-found, import-untyped]

    stores = [open_store(item["url"], item.get("credentials")) for item in wanted["stores"]]
    system = FileSystem(
        Tree(wanted["files"]), stores, mounted=lambda: _say(mounted=True), trouble=lambda text: _say(note=text)
    )
    mfusepy.FUSE(
        system,
        wanted["point"],
        foreground=True,
        ro=True,
        nosuid=True,
        nodev=True,
        fsname="mlsteps",
        subtype=KIND.partition(".")[2],
        default_permissions=True,
        kernel_cache=True,
        attr_timeout=_FIXED,
        entry_timeout=_FIXED,
        negative_timeout=_FIXED,
        max_read=REQUEST,
    )


def _watch(point: str) -> None:
    while os.read(0, 4096):
        pass
    detach(point)
    os._exit(0)


def _say(**message: Any) -> None:
    with _lock:
        try:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
        except OSError:
            pass  # nobody listens any more, and _watch() hears of that


if __name__ == "__main__":
    sys.exit(main())
