"""What a machine's own settings of pip and uv do to every environment made on it: version constraints and a date.

An old code base says ``pandas`` where it means the pandas of its day. ``PIP_CONSTRAINT`` (a file of ``name==version``
lines, as pip reads it) or ``UV_EXCLUDE_NEWER`` (a date) hold all its steps to libraries of that age, without a change
to the code. As they decide what is installed, they are part of an environment's identity.
"""

from __future__ import annotations

import os
import re
from typing import Mapping

from mlsteps.environments.pip_options import redact
from mlsteps.errors import RunConfigurationException

CONSTRAINTS = ("UV_CONSTRAINT", "PIP_CONSTRAINT")
DATE = "UV_EXCLUDE_NEWER"


def settings(variables: Mapping[str, str] | None = None) -> dict[str, object]:
    """The settings that count, as JSON data: ``{"constraints": [lines], "exclude_newer": date}``; {} when none is set.

    A file counts by its lines, wherever it lies; comments, blanks and their order do not count.

    :param variables: default the environment's.
    :raises RunConfigurationException: for a file of constraints that cannot be read.
    """
    variables = os.environ if variables is None else variables
    answer: dict[str, object] = {}
    given = next((variables[name] for name in CONSTRAINTS if variables.get(name)), "")
    lines = {line for place in given.split() for line in _lines(place)}
    if lines:
        answer["constraints"] = sorted(lines)
    if variables.get(DATE):
        answer["exclude_newer"] = variables[DATE]
    return answer


def _lines(place: str) -> list[str]:
    if "://" in place:
        return [redact(place)]  # what lies there is the installer's to read
    try:
        with open(place, encoding="utf-8-sig") as file:
            lines = [re.sub(r"(^|\s+)#.*$", "", line).strip() for line in file]
    except OSError as error:
        raise RunConfigurationException(
            f"The constraints file {place!r} ({' or '.join(CONSTRAINTS)}) cannot be read: {error.strerror}."
        ) from error
    return [re.sub(r"\s*([<>=!~,]+)\s*", r"\1", redact(line)) for line in lines if line]
