"""What the embedded Airflow's one DAG file calls: a DAG for every pipeline that was submitted to it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_parsing_context

from mlsteps.client.airflow_parts import roots_of
from mlsteps.client.home import airflow_home
from mlsteps.translate.loader import load_dags


def load(namespace: dict[str, Any]) -> None:
    """Put DAGs into a module's namespace: the one that Airflow asks for, when it asks for one.

    :param namespace: ``globals()`` of the DAG file.
    """
    roots = roots_of(airflow_home())
    wanted = get_parsing_context().dag_id
    chosen = [roots[wanted]] if wanted in roots else list(dict.fromkeys(roots.values()))
    for root in chosen:
        load_dags(namespace, root)
