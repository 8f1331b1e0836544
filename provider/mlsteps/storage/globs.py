"""The SDK's path patterns: ``*`` and ``?`` within a folder, ``**`` through folders. Brackets are plain characters."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Iterable, Pattern, Tuple

_SIGN = re.compile(r"[*?]")
_PART = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")


def has_glob(path: str) -> bool:
    """Whether a path is a pattern."""
    return bool(_SIGN.search(path))


def split_glob(pattern: str) -> Tuple[str, str]:
    """The folder before the first part with a sign, and the rest: ``a/b/*/c.csv`` is ``a/b`` and ``*/c.csv``."""
    parts = pattern.split("/")
    first = next((number for number, part in enumerate(parts) if has_glob(part)), len(parts))
    return "/".join(parts[:first]), "/".join(parts[first:])


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> Pattern[str]:
    """A compiled pattern for whole paths. ``**/`` also stands for no folder at all."""
    text = "".join(_as_expression(piece) for piece in _PART.findall(pattern))
    return re.compile(text, re.DOTALL)


def _as_expression(piece: str) -> str:
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return known[piece] if piece in known else re.escape(piece)


def matches_any(path: str, patterns: Iterable[str]) -> bool:
    """Whether a path matches one of the patterns; with no pattern every path does."""
    wanted = [pattern.lstrip("./") if pattern.startswith("./") else pattern.lstrip("/") for pattern in patterns]
    return not wanted or any(compile_glob(pattern).fullmatch(path) for pattern in wanted)
