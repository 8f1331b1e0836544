"""Which tests run beside which, where pytest-xdist runs them in several processes (``make test``).

A file's tests stay together, for the fixtures that they share. All that start a real Airflow are one piece of work:
they come one after the other, each with the cores that its scheduler, server and tasks ask for. As they wait much of
the time, all other tests pass beside them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

_ROOT = Path(__file__).parents[1]
#: Folders whose tests share one Airflow.
_SHARED = ("tests/e2e/", "tests/rest/")


class Scheduling(LoadScopeScheduling):
    """Hands out files; those with a real Airflow together."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "airflow" if _starts_an_airflow(path) else path


@cache
def _starts_an_airflow(path: str) -> bool:
    return path.startswith(_SHARED) or "pytest.mark.airflow" in (_ROOT / path).read_text(encoding="utf-8")
