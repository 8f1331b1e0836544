"""The DAGs that ours are measured against. In a file of their own: their tasks load nothing of mlsteps."""

from __future__ import annotations

import itertools

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, get_parsing_context, task
from airflow.sdk.exceptions import DownstreamTasksSkipped

CHAIN = 200
OVERHEAD = 10
WANTED = get_parsing_context().dag_id


def wanted(name: str) -> bool:
    return WANTED in (None, name)


def chain(operators: list) -> None:
    for before, after in itertools.pairwise(operators):
        before >> after


if wanted("one_trivial_task"):
    with DAG("one_trivial_task", schedule=None) as one_trivial_task:

        @task
        def trivial() -> None:
            """Nothing."""

        trivial()

if wanted("chain_empty"):
    with DAG("chain_empty", schedule=None) as chain_empty:
        chain([EmptyOperator(task_id=f"step{number}") for number in range(CHAIN)])

if wanted("chain_bash"):
    with DAG("chain_bash", schedule=None) as chain_bash:
        chain([BashOperator(task_id=f"step{number}", bash_command="true") for number in range(CHAIN)])

if wanted("chain_skipped"):  # what Airflow itself takes for a task that skips 200 others
    with DAG("chain_skipped", schedule=None) as chain_skipped:

        @task
        def skip_all() -> None:
            """As `plan` does."""
            raise DownstreamTasksSkipped(tasks=[f"step{number}" for number in range(CHAIN)])

        steps = [
            BashOperator(task_id=f"step{number}", bash_command="true", trigger_rule="none_failed")
            for number in range(CHAIN)
        ]
        chain(steps)
        skip_all() >> steps

if wanted("overhead_bash"):
    with DAG("overhead_bash", schedule=None) as overhead_bash:
        chain([BashOperator(task_id=f"step{number}", bash_command="python -c pass") for number in range(OVERHEAD)])
