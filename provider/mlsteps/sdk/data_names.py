"""Names of inputs and outputs: what is allowed, and names for what was given none."""

from __future__ import annotations

import re
from typing import Any

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import InvalidInput

#: As environment variables these would change the step's process itself (the SDK's list).
FORBIDDEN = frozenset(("path", "ld_library_path", "user", "logname", "home", "pwd", "shell"))
_ordinals: dict[str, int] = {}


def checked_name(name: Any, what: str) -> str:
    """``name`` when it may name an input or output of a step.

    :param what: the thing named, for the message.
    :raises InvalidInput: unless it is letters, digits and ``_`` and none of :data:`FORBIDDEN`, in any case.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_]+", name):
        suggestion = re.sub(r"[^A-Za-z0-9_]+", "_", str(name)).strip("_")
        raise InvalidInput(
            f"{what} is named {name!r}",
            expected="letters, digits and '_'",
            mend=f"call it {suggestion!r}" if suggestion else "give it a name",
        )
    if name.lower() in FORBIDDEN:
        raise InvalidInput(
            f"{what} is named {name!r}, and its environment variable would replace the step's own",
            expected=f"none of {', '.join(sorted(FORBIDDEN))}",
            mend=f"call it {name + '_data'!r}",
        )
    return name


def derived_name(prefix: str, *facts: Any) -> str:
    """A name that the same facts always give; never part of a fingerprint."""
    return f"{prefix}_{digest_of(list(facts))[:8]}"


def fresh_name(prefix: str, *facts: Any) -> str:
    """As :func:`derived_name`, but different each time within a process, for things that only a name tells apart.

    The order in which one script makes its objects is the same each time it runs, so its names are the same too.
    """
    base = derived_name(prefix, *facts)
    _ordinals[base] = _ordinals.get(base, 0) + 1
    return base if _ordinals[base] == 1 else f"{base}_{_ordinals[base]}"
