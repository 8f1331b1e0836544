"""Pure Python wheels made of a few files: stand-ins for packages that are too heavy or too old to be had."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str],
    requires: Iterable[str] = (),
    data: Path | None = None,
) -> Path:
    """Write ``<name>-<version>-py3-none-any.whl``.

    :param files: text by path below ``site-packages``.
    :param data: a folder whose Python files go into the wheel too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    contents = {path: text.encode() for path, text in files.items()}
    if data is not None:
        contents |= {str(path.relative_to(data)): path.read_bytes() for path in sorted(data.rglob("*.py"))}
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    contents[f"{stem}.dist-info/METADATA"] = ("\n".join(metadata) + "\n").encode()
    contents[f"{stem}.dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: acceptance\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = f"{stem}.dist-info/RECORD"
    lines = [f"{path},sha256={_digest(body)},{len(body)}" for path, body in contents.items()] + [f"{record},,"]
    contents[record] = ("\n".join(lines) + "\n").encode()
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in contents.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), body)
    return wheel


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
