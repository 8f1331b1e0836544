"""Large objects of Google Cloud Storage: parts are hidden objects beside the final one, which the service composes.

Not the service's resumable uploads: whoever knows the address of one may write, so it could not be noted down.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import secrets
from typing import Any, Callable, Dict, List, Mapping

from mlsteps.storage.base import TEMPORARY
from mlsteps.storage.hidden import remove_tree
from mlsteps.storage.objects.failures import Unanswered
from mlsteps.storage.objects.parts import Part, Parts
from mlsteps.storage.objects.uploads import Sent, Upload
from mlsteps.storage.parts import Coming, Kept, Remarks

#: Parts under way at once, and objects that one request composes.
_WIDTH, _COMPOSED = 4, 32
_REFUSED = (401, 403, 412)


class GoogleObjects:
    """Of one file system of gcsfs. ``at`` is a bucket, a slash, and the object's name."""

    def __init__(self, file_system: Any) -> None:
        self._fs = file_system
        self._parts = _GoogleParts(file_system)
        self._suited: Dict[str, bool] = {}

    def takes(self, at: str) -> bool:
        """Whether it is an object's name."""
        bucket, _, name = at.partition("/")
        return bool(bucket and name) and not name.endswith("/")

    def send(self, at: str, coming: Coming, remarks: Remarks, passing: Callable[[int], Any], kept: Kept) -> Sent | None:
        """Make or replace an object so that a later process can go on; None where the bucket is not suited."""
        bucket = at.partition("/")[0]
        if bucket not in self._suited:
            self._suited[bucket] = self._is_suited(posixpath.dirname(at))
        if not self._suited[bucket]:
            return None
        return Upload(self._parts, at, coming, remarks, passing, kept).send(_WIDTH)

    def give_up(self, at: str, remark: str) -> None:
        """Let go of what such an upload has left: the remark that it made."""
        name = remark.partition(" ")[2]
        if name:
            self._parts.give_up(at, name)

    def _is_suited(self, folder: str) -> bool:
        """Whether objects may be deleted at once and without a fee; one tells, as few may look at the bucket."""
        probe = f"{folder}/{TEMPORARY}probe"
        try:
            self._fs.pipe_file(probe, b"")
            found = self._fs.info(probe)
            self._fs.rm_file(probe)
        except Exception as error:  # the driver's own classes
            if isinstance(error, PermissionError) or getattr(error, "code", None) in _REFUSED:
                return False
            raise
        return found.get("storageClass") in (None, "", "STANDARD") and not found.get("retentionExpirationTime")


class _GoogleParts(Parts):
    def __init__(self, file_system: Any) -> None:
        self._fs = file_system

    def begin(self, at: str, key: str) -> str:
        return f"{TEMPORARY}parts-{secrets.token_hex(8)}"

    def parts(self, at: str, upload: str) -> Dict[int, Part] | None:
        self._fs.invalidate_cache()
        try:
            found = self._fs.find(self._folder(at, upload), detail=True)
        except FileNotFoundError:
            return {}
        parts = {posixpath.basename(name): info for name, info in found.items()}
        return {
            int(name): Part(int(info["size"]), str(info.get("md5Hash") or ""))
            for name, info in parts.items()
            if name.isdigit()
        }

    def put(self, at: str, upload: str, number: int, data: Any) -> Part:
        self._fs.pipe_file(self._named(at, upload, number), bytes(data), consistency="md5")  # compares the digests
        return Part(len(data), _md5(data))

    def holds(self, part: Part, data: Any) -> bool:
        return part == Part(len(data), _md5(data))

    def finish(self, at: str, upload: str, parts: Mapping[int, Part]) -> str:
        names = [self._named(at, upload, number) for number in sorted(parts)]
        level = 0
        try:
            while len(names) > _COMPOSED:
                names = self._composed(names, f"{self._folder(at, upload)}/level{level}")
                level += 1
            self._fs.merge(at, names)
        except FileNotFoundError as error:
            raise Unanswered(f"parts of {at} are gone", 0) from error
        self.give_up(at, upload)
        return ""

    def _composed(self, names: List[str], prefix: str) -> List[str]:
        """Fewer objects with the same content."""
        groups = [names[start : start + _COMPOSED] for start in range(0, len(names), _COMPOSED)]
        made = [f"{prefix}-{number}" for number in range(len(groups))]
        for name, group in zip(made, groups):
            self._fs.merge(name, group)
        return made

    def give_up(self, at: str, upload: str) -> None:
        if posixpath.basename(upload).startswith(TEMPORARY):
            remove_tree(self._fs, self._folder(at, upload), has_folders=False)

    def _folder(self, at: str, upload: str) -> str:
        return f"{posixpath.dirname(at)}/{posixpath.basename(upload)}"

    def _named(self, at: str, upload: str, number: int) -> str:
        return f"{self._folder(at, upload)}/{number:05d}"


def _md5(data: Any) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()
