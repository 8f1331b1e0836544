"""What a running step knows of itself: the JSON file that ``MLSTEPS_RUN`` names (see docs/architecture.md)."""

from __future__ import annotations

import json
import os
from typing import Any

from mlsteps.errors import RunEnvironmentException, UnsupportedFeature

VARIABLE = "MLSTEPS_RUN"
_read: dict[str, dict[str, Any]] = {}


def current() -> dict[str, Any] | None:
    """The running step's description, None outside a step.

    :raises RunEnvironmentException: when the variable is set and its file cannot be read.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    if path not in _read:
        try:
            with open(path, encoding="utf-8") as stream:
                _read[path] = json.load(stream)
        except (OSError, ValueError) as error:
            raise RunEnvironmentException(
                f"{VARIABLE} names {path}, which cannot be read as JSON: {error}. "
                f"To mend it: unset {VARIABLE} outside a step."
            ) from error
    return _read[path]


def refuse(action: str) -> None:
    """Fail when this is a step.

    :param action: what is refused there.
    :raises UnsupportedFeature: inside a step.
    """
    if os.environ.get(VARIABLE):
        raise UnsupportedFeature(
            f"{action} inside a step", "a step has no rights to manage the workspace's compute", "the authoring script"
        )
