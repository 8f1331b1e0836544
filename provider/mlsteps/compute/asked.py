"""What a step asks of the machine that it runs on, as its run configuration says it, and what its worker hands on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlsteps.errors import InvalidInput

GIB = 1 << 30
#: Variables of the worker that the runner reads, too, wherever it is.
_HANDED_ON = ("MLSTEPS_KILL_GRACE", "MLSTEPS_KEEP_WORK")


def handed_on() -> dict[str, str]:
    """The worker's variables for the runner."""
    return {name: os.environ[name] for name in _HANDED_ON if name in os.environ}


@dataclass(frozen=True)
class Limits:
    """What a container may use; None for no limit. ``memory`` is in bytes, ``gpus`` -1 for all."""

    cpus: float | None = None
    memory: int | None = None
    gpus: int | None = None
    shm_size: str | None = None
    ipc: str | None = None
    network: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


#: Spellings of ``docker run`` that a run configuration's ``docker.arguments`` may use, by what they set.
_ARGUMENTS = {
    "--cpus": "cpus",
    "-m": "memory",
    "--memory": "memory",
    "--shm-size": "shm_size",
    "--gpus": "gpus",
    "--ipc": "ipc",
    "--net": "network",
    "--network": "network",
    "-e": "variables",
    "--env": "variables",
}


def asked_for(docker: Mapping[str, Any]) -> tuple[Limits, list[str]]:
    """What a run configuration asks for: ``{"shm_size":, "arguments": ["--cpus=2", "-m", "4g"]}``."""
    values: dict[str, Any] = {"variables": {}}
    notes = []
    waiting = [str(item) for item in docker.get("arguments") or ()]
    while waiting:
        flag, has_value, value = waiting.pop(0).partition("=")
        if flag not in _ARGUMENTS:
            notes.append(f"docker argument {flag} is not known here and left out")
            continue
        if not has_value and waiting:
            value = waiting.pop(0)
        _take(values, _ARGUMENTS[flag], value)
    if docker.get("shm_size"):
        values["shm_size"] = str(docker["shm_size"])
    return Limits(**values), notes


def _take(values: dict[str, Any], name: str, value: str) -> None:
    if name == "variables":
        key, _, text = value.partition("=")
        values["variables"][key] = text
    elif name == "cpus":
        values[name] = float(value)
    elif name == "memory":
        values[name] = size_of(value)
    elif name == "gpus":
        values[name] = -1 if value == "all" else int(value)
    else:
        values[name] = value


def size_of(text: str) -> int:
    """Bytes of ``512m``, ``4g``, ``4Gi``, ``2 GiB``.

    :raises InvalidInput: for a text that is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:b|([kmgt])i?b?)?\s*", text.lower())
    if match is None:
        raise InvalidInput(f"{text!r} is no size", expected="a number and a unit, such as 512m or 4g")
    return int(float(match.group(1)) * 1024 ** "bkmgt".index(match.group(2) or "b"))
