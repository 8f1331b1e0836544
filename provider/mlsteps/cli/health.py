"""What ``workspace doctor`` finds: one finding for each thing it has looked at, and how to mend what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import NamedTuple

from mlsteps.errors import AzureMLException

OK, NOTE, FAULT = "ok", "note", "FAULT"


class Finding(NamedTuple):
    """One thing that was looked at.

    :param state: ``ok``; ``note``: fine, but good to know; ``FAULT``.
    :param mend: what to do about a fault.
    """

    area: str
    what: str
    state: str
    said: str
    mend: str = ""


def ok(area: str, what: str, said: object = "") -> Finding:
    """It is as it should be."""
    return Finding(area, what, OK, str(said))


def note(area: str, what: str, said: object, mend: str = "") -> Finding:
    """It works, but a person may want to know."""
    return Finding(area, what, NOTE, str(said), mend)


def fault(area: str, what: str, said: object, mend: str) -> Finding:
    """It does not work."""
    return Finding(area, what, FAULT, str(said), mend)


def looked(area: str, what: str, look: Callable[[], str], mend: str) -> Iterator[Finding]:
    """What ``look`` answers, or a fault with what it raised.

    :param mend: used unless the error says itself how to mend it.
    """
    try:
        with redirect_stdout(sys.stderr):  # where hooks of Airflow's providers log: what comes out may be read as JSON
            said = look()
        yield ok(area, what, said)
    except AzureMLException as error:
        text = str(error)
        yield fault(area, what, text, "" if "To mend it" in text else mend)
