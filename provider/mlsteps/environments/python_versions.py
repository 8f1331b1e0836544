"""Which Python of this machine serves the version an environment asks for.

Order: the interpreter that runs mlsteps, those ``uv`` knows, those of pyenv; then a download by ``uv`` (unless
``UV_PYTHON_DOWNLOADS=never`` or ``UV_OFFLINE`` says no; for one that is too old to run a step, of the oldest that
does); then the nearest minor version there is, with a note, or an error when ``MLSTEPS_STRICT_PYTHON=1``.
"""

from __future__ import annotations

import glob
import json
import os
import re
import subprocess
import sys
from typing import Callable, Iterable, NamedTuple

from mlsteps.environments import uv_tool
from mlsteps.errors import RunConfigurationException

#: What runs inside a step needs this at least.
OLDEST = (3, 8)

_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(getattr(sys, '_base_executable', sys.executable))"


class Python(NamedTuple):
    """An interpreter: its ``path`` and its ``version``, ``(3, 10, 13)``."""

    path: str
    version: tuple[int, int, int]

    @property
    def text(self) -> str:
        """``3.10.13``."""
        return ".".join(map(str, self.version))


class Choice(NamedTuple):
    """The Python to use; ``note`` says why it is not the one asked for, "" when it is."""

    python: Python
    note: str


def strict() -> bool:
    """Whether another version than the one asked for is an error."""
    return os.environ.get("MLSTEPS_STRICT_PYTHON", "") not in ("", "0")


def running() -> Python:
    """The interpreter that runs mlsteps: the base one, not the virtual environment's."""
    base = getattr(sys, "_base_executable", sys.executable)
    return Python(base, (sys.version_info[0], sys.version_info[1], sys.version_info[2]))


def choose(asked: str, report: Callable[[str], None]) -> Choice:
    """The interpreter for a specifier (``==3.8.*``; "" for the one that runs mlsteps).

    :raises RunConfigurationException: when none fits and ``MLSTEPS_STRICT_PYTHON`` is set.
    """
    here = running()
    if not asked or fits(here, asked):
        return Choice(here, "")
    installed = [here, *_installed()]
    found = best(asked, installed) or _download(asked, report)
    if found is not None:
        return Choice(found, "")
    available = ", ".join(sorted({item.text for item in installed if item.version >= OLDEST}))
    if strict():
        raise RunConfigurationException(
            f"Python {asked} is not on this machine and could not be downloaded; there are {available}. "
            "To mend it: install it, ask for one of these, or unset MLSTEPS_STRICT_PYTHON."
        )
    other = _oldest(asked, installed, report) or nearest(asked, installed)
    return Choice(other, f"Python {asked} is not available here (there are {available}); {other.text} is used instead")


def fits(python: Python, asked: str) -> bool:
    """Whether a Python answers a specifier; a patch release asked for is answered by any of the same minor."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    loose = re.sub(r"==\s*(\d+\.\d+)(\.\d+)+(\.\*)?", r"==\1.*", asked)
    loose = re.sub(r"==\s*(\d+\.\d+)(?![\d.*])", r"==\1.*", loose)
    loose = re.sub(r"==\s*(\d+)(?![\d.*])", r"==\1.*", loose)
    try:
        return SpecifierSet(loose).contains(python.text) and python.version >= OLDEST
    except InvalidSpecifier as error:
        raise RunConfigurationException(
            f"The environment asks for Python {asked!r}, which is no version. "
            "Expected python=3.10 or python>=3.8,<3.12."
        ) from error


def best(asked: str, installed: Iterable[Python]) -> Python | None:
    """The newest that fits, or None."""
    return max((item for item in installed if fits(item, asked)), key=lambda item: item.version, default=None)


def nearest(asked: str, installed: Iterable[Python]) -> Python:
    """The one whose minor version lies closest to the first version named; the newer of two as close."""
    match = re.search(r"(\d+)(?:\.(\d+))?", asked)
    target = int(match.group(2) or 0) if match else 0
    usable = [item for item in installed if item.version >= OLDEST]
    return min(
        usable, key=lambda item: (abs(item.version[1] - target), -item.version[1], tuple(-n for n in item.version))
    )


def _oldest(asked: str, installed: Iterable[Python], report: Callable[[str], None]) -> Python | None:
    """The oldest Python that runs a step, in place of one that is older still; None when it cannot be had either."""
    match = re.match(r"\D*(\d+)\.(\d+)", asked)
    if match is None or (int(match.group(1)), int(match.group(2))) >= OLDEST:
        return None
    there = "=={}.{}.*".format(*OLDEST)
    return best(there, installed) or _download(there, report)


def _installed() -> list[Python]:
    return [*_known_to_uv(), *filter(None, map(inspect, _pyenv()))]


def _known_to_uv() -> list[Python]:
    """What ``uv`` finds on the search path and among its own; shims are resolved to what they start."""
    answer = uv_tool.run(["python", "list", "--only-installed", "--output-format", "json"])
    try:
        rows = json.loads(answer.output) if answer.code == 0 else []
    except ValueError:
        return []
    wanted = [row for row in rows if row.get("implementation") == "cpython" and row.get("path")]
    return [python for python in (_listed(row) for row in wanted) if python is not None]


def _listed(row: dict[str, object]) -> Python | None:
    path = str(row["path"])
    if f"{os.sep}shims{os.sep}" in path:
        return inspect(path)
    parts = [int(part) for part in re.findall(r"\d+", str(row["version"]))[:3]]
    return Python(path, (parts[0], parts[1], parts[2])) if len(parts) == 3 else None


def _pyenv() -> list[str]:
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    return sorted(glob.glob(os.path.join(root, "versions", "3.*", "bin", "python")))


def inspect(path: str) -> Python | None:
    """Ask an interpreter for its version and its real path; None when it does not answer."""
    try:
        done = subprocess.run([path, "-I", "-S", "-c", _ASK], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != 2:
        return None
    major, minor, patch = (int(part) for part in lines[0].split("."))
    return Python(lines[1] or path, (major, minor, patch))


def _download(asked: str, report: Callable[[str], None]) -> Python | None:
    """Have ``uv`` fetch a Python that fits, or None."""
    if os.environ.get("UV_PYTHON_DOWNLOADS", "") == "never" or os.environ.get("UV_OFFLINE", "") not in (
        "",
        "0",
        "false",
    ):
        return None
    match = re.search(r"(\d+)\.(\d+)", asked)
    if match is None or (int(match.group(1)), int(match.group(2))) < OLDEST:
        return None
    version = match.group(0)
    report(f"Python {version} is not on this machine; uv is asked to download it")
    answer = uv_tool.run(["python", "install", "--no-bin", version], timeout=300)
    if answer.code != 0:
        return None
    found = uv_tool.run(["python", "find", "--managed-python", version])
    python = inspect(found.output.strip()) if found.code == 0 else None
    return python if python is not None and fits(python, asked) else None
