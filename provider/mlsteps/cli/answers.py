"""Where a command answers: its standard output holds the answer and nothing else.

Airflow writes its log to standard output, DAG files and SDK scripts print. A program that reads the answer of a command
must not find any of it there.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout
from typing import Any, Iterator, TextIO

_kept: TextIO | None = None


def say(*texts: Any, end: str = "\n", flush: bool = False) -> None:
    """Print a part of the answer."""
    print(*texts, end=end, flush=flush, file=answers())


def answers() -> TextIO:
    """The stream that takes the answer."""
    return sys.stdout if _kept is None else _kept


@contextmanager
def only_answers() -> Iterator[None]:
    """Meanwhile what others print and log goes to standard error: loggers take what is standard output when they are
    made, so this begins before anything of Airflow is loaded."""
    global _kept
    before, _kept = _kept, answers()
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _kept = before
