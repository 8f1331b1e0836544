"""A conda channel in a folder: a Python that is this one, and packages of a few lines."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

VERSION = "{}.{}".format(*sys.version_info[:2])
SITE = f"lib/python{VERSION}/site-packages"


class Channel:
    """A folder of packages; :meth:`index` makes a channel of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        base = os.path.dirname(os.path.realpath(sys.executable))
        self.add(
            "python",
            f"{VERSION}.0",
            {"pyvenv.cfg": f"home = {base}\n", f"{SITE}/README": "packages lie here\n"},
            links={"bin/python": os.path.realpath(sys.executable)},
            subdir=_subdir(),
        )

    def add(
        self, name: str, version: str, files: dict[str, str], *, links: dict[str, str] | None = None, **about: Any
    ) -> None:
        """One package; a ``noarch`` one when ``about`` says no ``subdir``."""
        subdir = about.pop("subdir", "noarch")
        index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": [], "subdir": subdir}
        index.update({"noarch": about.pop("noarch", "generic")} if subdir == "noarch" else {})
        index.update(about)
        contents = {path: text.encode() for path, text in files.items()}
        paths = [
            {
                "_path": path,
                "path_type": "hardlink",
                "sha256": hashlib.sha256(data).hexdigest(),
                "size_in_bytes": len(data),
            }
            for path, data in contents.items()
        ]
        paths += [{"_path": path, "path_type": "softlink"} for path in links or ()]
        contents["info/index.json"] = json.dumps(index).encode()
        contents["info/paths.json"] = json.dumps({"paths": paths, "paths_version": 1}).encode()
        if index.get("noarch") == "python":
            contents["info/link.json"] = b'{"noarch": {"type": "python"}, "package_metadata_version": 1}'
        (self.folder / subdir).mkdir(parents=True, exist_ok=True)
        with tarfile.open(self.folder / subdir / f"{name}-{version}-0.tar.bz2", "w:bz2", compresslevel=1) as archive:
            for path, data in contents.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(data), 0o644
                archive.addfile(entry, io.BytesIO(data))
            for path, target in (links or {}).items():
                entry = tarfile.TarInfo(path)
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
                archive.addfile(entry)

    def index(self) -> str:
        """The channel's address."""
        from rattler.index import index_fs

        asyncio.run(index_fs(self.folder))
        return self.folder.as_uri()


def _subdir() -> str:
    machine = {"x86_64": "64"}.get(os.uname().machine, os.uname().machine)
    return f"{'osx' if sys.platform == 'darwin' else 'linux'}-{machine}"
