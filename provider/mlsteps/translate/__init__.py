"""A pipeline's graph becomes an Airflow DAG.

Nothing is hashed, listed or fetched here: a DAG file is parsed again and again, and by every task of it.

* :func:`dag`        one graph, one DAG
* :func:`task_group` one graph, one task group of a DAG
* :func:`load_dags`  the stored pipelines of a workspace, for a DAG file that serves them all
"""

from __future__ import annotations

from typing import Any

from mlsteps.translate.dag import dag
from mlsteps.translate.loader import load_dags

__all__ = ["dag", "load_dags", "task_group"]


def __getattr__(name: str) -> Any:
    if name == "task_group":  # loaded when it is asked for: most DAG files need it not
        from mlsteps.translate.group import task_group

        return task_group
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
