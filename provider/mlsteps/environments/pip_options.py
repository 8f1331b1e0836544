"""Options among the pip lines of a conda document (``--extra-index-url ...``) as options of ``uv pip install``."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlsteps.errors import InvalidInput

#: pip's spelling -> what is given to uv: ``line`` goes into the requirements text, ``flag`` onto the command line.
_WITH_VALUE = {
    "--index-url": ("line", "--index-url"),
    "-i": ("line", "--index-url"),
    "--extra-index-url": ("line", "--extra-index-url"),
    "--find-links": ("line", "--find-links"),
    "-f": ("line", "--find-links"),
    "--no-binary": ("line", "--no-binary"),
    "--only-binary": ("line", "--only-binary"),
    "--trusted-host": ("flag", "--allow-insecure-host"),
}
_BARE = {
    "--no-index": ("line", "--no-index"),
    "--pre": ("flag", "--prerelease=allow"),
    "--prefer-binary": ("none", ""),
    "--no-cache-dir": ("none", ""),
    "--upgrade": ("none", ""),
    "-U": ("none", ""),
    "--disable-pip-version-check": ("none", ""),
}
_FILES = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class Option(NamedTuple):
    """``where``: ``line`` (in the requirements text), ``flag`` (on uv's command line), ``none`` (without effect)."""

    where: str
    text: str


def is_option(line: str) -> bool:
    """Whether a pip line is an option, not a requirement."""
    return line.lstrip().startswith("-")


def parse(line: str) -> Option:
    """One option line.

    :raises InvalidInput: for files, which are not part of the document, and for options that uv has no word for.
    """
    name, value = _split(line.strip())
    if name in _FILES:
        raise InvalidInput(
            f"The pip line {line.strip()!r} names a file, which is not part of the environment",
            mend="list the packages themselves, or use Environment.from_pip_requirements, which reads the file",
        )
    if name in _BARE:
        where, word = _BARE[name]
        return Option(where, word)
    if name in _WITH_VALUE and value:
        where, word = _WITH_VALUE[name]
        return Option(where, f"{word}={value}" if where == "flag" else f"{word} {value}")
    known = ", ".join(sorted([*_WITH_VALUE, *_BARE]))
    raise InvalidInput(f"The pip option {redact(line.strip())!r} is not known", expected=f"one of {known}")


def _split(line: str) -> tuple[str, str]:
    match = re.match(r"^(--?[A-Za-z-]+)(?:[=\s]\s*(.*))?$", re.sub(r"\s+#.*$", "", line))
    return (match.group(1), (match.group(2) or "").strip()) if match else (line, "")


def redact(text: str) -> str:
    """The text with the credentials of every URL replaced."""
    return _CREDENTIALS.sub("****@", text)
