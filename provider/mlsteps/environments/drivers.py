"""Storage drivers for a runner that finds none: in an image that was made for the script alone.

They are installed once a version of Python into a folder of this machine, which the runner puts on its own path and no
script ever sees: a script's own packages, of whatever age, do not meet them.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
from typing import Any, Callable, Iterable, Mapping, NamedTuple

from filelock import FileLock

from mlsteps.contracts.codec import digest_of
from mlsteps.environments import unused, uv_tool
from mlsteps.environments.virtual import home

#: Packages by protocol; every one needs ``fsspec``, but for those of a store of our own.
_PACKAGES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("abfs", "abfss", "az", "adl", "wasb", "wasbs"), ("fsspec", "adlfs")),
    **dict.fromkeys(("s3", "s3a"), ("fsspec", "s3fs")),
    **dict.fromkeys(("gs", "gcs"), ("fsspec", "gcsfs")),
    **dict.fromkeys(("sftp", "ssh"), ("fsspec", "paramiko")),
    "smb": ("smbprotocol",),
}
#: What a datastore without a URL of its own is reached by.
_BY_TYPE = {"AzureBlob": "abfs", "AzureDataLakeGen2": "abfs", "AzureFile": "smb"}
_LOCAL = ("file", "local", "http", "https")


class Python(NamedTuple):
    """A Python elsewhere: ``path``, ``version``, and its ``platform`` in the words of ``uv``."""

    path: str
    version: tuple[int, ...]
    platform: str

    @property
    def minor(self) -> str:
        """``3.8``."""
        return ".".join(map(str, self.version[:2]))


def platform_of(machine: str, libc: str) -> str:
    """A platform in the words of ``uv``.

    :param machine: such as ``x86_64``; :param libc: ``glibc``, or "" for musl.
    """
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine)
    return f"{machine}-manylinux_2_28" if libc else f"{machine}-unknown-linux-musl"


def protocols(datastores: Iterable[Mapping[str, Any]], root: str) -> list[str]:
    """The protocols of the stores that are not on this machine.

    :param datastores: documents; :param root: of the workspace.
    """
    found = {_protocol(root), *map(_protocol_of, datastores)}
    return sorted(name for name in found if name and name not in _LOCAL)


def _protocol_of(document: Mapping[str, Any]) -> str:
    url = str(document.get("url") or "")
    return _protocol(url) if url else _BY_TYPE.get(document.get("type", ""), "")


def _protocol(url: str) -> str:
    return url.partition("://")[0].lower() if "://" in url else "file"


def drivers(python: Python, wanted: Iterable[str], report: Callable[[str], None]) -> str | None:
    """A folder with the drivers of these protocols for another Python; None when none is needed or can be had.

    What cannot be had is told: the runner then says which store it could not open, and what for.
    """
    packages = sorted({name for protocol in wanted for name in _PACKAGES.get(protocol, ("fsspec",))})
    if not packages:
        return None
    requirements = [_as_here(name, python) for name in packages]
    key = digest_of({"requirements": requirements, "python": python.minor, "platform": python.platform})[:32]
    folder = os.path.join(home(), "cache", "drivers", key)
    if not os.path.exists(os.path.join(folder, "complete")):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with FileLock(folder + ".lock"):
            if not os.path.exists(os.path.join(folder, "complete")) and not _install(
                folder, requirements, python, report
            ):
                return None
    unused.mark(folder)
    return os.path.join(folder, "packages")


def _as_here(name: str, python: Python) -> str:
    """The version that this process uses, for the same Python: what was tested together stays together."""
    if python.version[:2] != sys.version_info[:2]:
        return name
    try:
        return f"{name}=={importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return name


def _install(folder: str, requirements: list[str], python: Python, report: Callable[[str], None]) -> bool:
    report(f"installing storage drivers for Python {python.minor}: {', '.join(requirements)}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for_it = ["--python-version", python.minor, "--python-platform", python.platform, "--only-binary", ":all:"]
    arguments = ["pip", "install", "--target", os.path.join(folder, "packages"), *for_it, "--requirements", "-"]
    answer = uv_tool.run(arguments, text="\n".join(requirements), timeout=600)
    if answer.code != 0:
        report(f"storage drivers could not be installed: {' '.join(answer.errors.split())[-500:]}")
        return False
    with open(os.path.join(folder, "complete"), "w", encoding="utf-8") as file:
        json.dump(requirements, file)
    return True
