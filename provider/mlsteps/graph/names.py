"""Ids for steps and keys for environments: safe as Airflow task ids, unique, and the same for the same pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: The id of the task that plans: no step's.
PLAN = "plan"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
#: Airflow allows 250 characters; the rest is for a number, a group's prefix or a mapped index.
LONGEST = 180


def slug(text: str, default: str = "step") -> str:
    """``text`` with letters, digits, ``_``, ``-`` and ``.`` only; runs of anything else become one ``_``."""
    return _UNSAFE.sub("_", text).strip("_.")[:LONGEST] or default


class Names:
    """Gives each text a slug of its own. Case counts for nothing: some databases do not tell it apart."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken: set[str] = {text.lower() for text in taken}
        self._next: dict[str, int] = {}

    def unique(self, text: str, default: str = "step") -> str:
        """The slug of ``text``, with ``_2``, ``_3``... from the second on."""
        base = candidate = slug(text, default)
        number = self._next.get(base.lower(), 2)
        while candidate.lower() in self._taken:
            candidate = f"{base}_{number}"
            number += 1
        self._next[base.lower()] = number
        self._taken.add(candidate.lower())
        return candidate
