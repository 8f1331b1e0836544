"""One line of a conda specification, taken apart: ``conda-forge::numpy=1.19.2=py38_0``, ``pandas >=1.1,<2``."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlsteps.errors import InvalidInput

_CHANNEL = re.compile(r"^[^:\s]+::")
_BRACKETS = re.compile(r"^([A-Za-z0-9._-]+)\[version=['\"]?([^'\"\]]+)['\"]?\]$")
_NAME = re.compile(r"^([A-Za-z0-9_][A-Za-z0-9._-]*)\s*(.*)$")


class CondaSpec(NamedTuple):
    """``name`` in lower case, ``version`` as a pip specifier (``==1.2.*``; empty for any), ``text`` as it was given."""

    name: str
    version: str
    text: str


def parse(text: str) -> CondaSpec:
    """Take one conda match specification apart; channel and build string are left out.

    :raises InvalidInput: when it cannot be read, or says something pip cannot say (``1.2|1.3``).
    """
    bare = _CHANNEL.sub("", text.split("#", 1)[0].strip())
    match = _BRACKETS.match(bare) or _NAME.match(bare)
    if match is None:
        raise InvalidInput(f"The conda package {text!r} cannot be read", expected="a name, then a version, as name=1.2")
    return CondaSpec(match.group(1).lower(), _pip_version(match.group(2).strip(), text), text)


def _pip_version(version: str, text: str) -> str:
    if "|" in version:
        raise InvalidInput(
            f"The conda package {text!r} gives alternatives with '|', which pip cannot express",
            mend="name one version, or a range such as name>=1.2,<1.4",
        )
    if version in ("", "*", "=*"):
        return ""
    exact_build = re.match(r"^=?=?\s*([^=<>!,\s]+)[=\s]+[^=<>!,\s]*$", version)  # name=1.2=build, name 1.2 build
    if exact_build:
        return "==" + exact_build.group(1)
    return ",".join(_clause(part.strip(), spaced=version[0] not in "=<>!~") for part in version.split(","))


def _clause(part: str, *, spaced: bool) -> str:
    """One comparison. ``=1.2`` is conda's fuzzy equality; a version after a blank is exact."""
    if part.startswith(("==", "!=", "<=", ">=", "~=")):
        return part[:2] + part[2:].strip()
    if part.startswith(("<", ">")):
        return part[:1] + part[1:].strip()
    if part.startswith("="):
        fuzzy = part[1:].strip()
        return f"=={fuzzy}" if fuzzy.endswith("*") else f"=={fuzzy}.*"
    return f"=={part}" if spaced else part
