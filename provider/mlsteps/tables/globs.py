"""Globs over relative paths: ``*`` and ``?`` stay within a name, ``**`` crosses folders. Pure."""

from __future__ import annotations

import re


def fits(relative: str, glob: str) -> bool:
    """Whether a path fits a glob. A glob without a slash is about the file's name, in whatever folder."""
    name = relative if "/" in glob else relative.rpartition("/")[2]
    return re.fullmatch(_pattern(glob.lstrip("/")), name) is not None


def _pattern(glob: str) -> str:
    answer = ""
    for part in re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|.", glob, re.DOTALL):
        if part in _WILD:
            answer += _WILD[part]
        elif part.startswith("[") and len(part) > 1:
            answer += (
                "[" + ("^" if part[1] == "!" else "") + re.escape(part[1:-1].lstrip("!")).replace(r"\-", "-") + "]"
            )
        else:
            answer += re.escape(part)
    return answer


_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
