"""What a file system says of a file, as a stamp that changes when the file is written again."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Mapping, Tuple

_CONTENT = ("content_md5", "md5Hash", "Content-MD5", "contentMd5")
_TAGS = ("ETag", "etag", "Etag", "e_tag")
_TIMES = ("mtime", "last_modified", "LastModified", "modified", "updated", "last_write_time", "timeModified", "created")


def stamp_of(info: Mapping[str, Any]) -> str:
    """The stamp in an fsspec ``info``: the content's MD5, else the etag, else the time of the last change.

    An MD5 comes first: it stays when the same bytes are written again, so nothing downstream has to run for them.
    """
    digest = _first(info, _CONTENT) or _first(info.get("content_settings") or {}, _CONTENT)
    if digest:
        return "md5:" + _text(digest)
    return tag_of(info) or _text(_first(info, _TIMES) or "")


def tag_of(info: Mapping[str, Any]) -> str:
    """The etag in an fsspec ``info``, or in what a put answered; "" for none."""
    tag = _first(info, _TAGS)
    return _text(tag).strip('"') if tag else ""


def changed_of(info: Mapping[str, Any]) -> int:
    """When a file was last written, by an fsspec ``info``: whole seconds, in ns since the epoch; 0 when it is not told.

    Whole seconds, as a listing and a look at one file must agree, and not every service is as exact in both.
    """
    for name in _TIMES:
        value = _first(info, (name,))
        seconds = _seconds(value)
        if seconds:
            return int(seconds) * 10**9
    return 0


def _seconds(value: Any) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp() if value.tzinfo else value.replace(tzinfo=timezone.utc).timestamp()
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return _seconds(read(value.replace("Z", "+00:00")))
        except (ValueError, TypeError):
            continue
    return None


def _first(info: Any, names: Tuple[str, ...]) -> Any:
    for name in names:
        value = info.get(name) if isinstance(info, Mapping) else getattr(info, name, None)
        if value:
            return value
    return None


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime):
        return repr(value.timestamp())
    return repr(value) if isinstance(value, float) else str(value)
