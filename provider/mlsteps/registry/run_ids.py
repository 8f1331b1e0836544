"""Ids of runs, derived from Airflow's, so that every process comes to the same id without asking anyone."""

from __future__ import annotations

import uuid
from functools import lru_cache

#: Name space of all run ids; never change it, ids are stored.
_RUNS = uuid.UUID("0b6f0a0e-6f0e-4a3c-8d52-9d2b4e0f7c11")


def pipeline_run_id(dag_id: str, run_id: str, task_group: str = "") -> str:
    """The id of a pipeline run.

    :param run_id: the DAG run's ``run_id``. A UUID stands for itself: a client that submits a pipeline chooses the id
        and so knows it before the DAG run exists.
    :param task_group: of a pipeline that is a task group of the DAG, which may hold several.
    """
    if task_group:
        return str(uuid.uuid5(_RUNS, f"{dag_id}/{run_id}\n{task_group}"))
    try:
        return str(uuid.UUID(run_id))
    except ValueError:
        return str(uuid.uuid5(_RUNS, f"{dag_id}/{run_id}"))


def step_run_id(pipeline_run: str, step_id: str, try_number: int, lost: int = 0) -> str:
    """The id of one attempt at one step: each attempt has its own, and with it its own places in the stores.

    :param pipeline_run: answer of :func:`pipeline_run_id`.
    :param try_number: as Airflow counts, from 1.
    :param lost: how many attempts within this try were lost with what they ran on.
    """
    return str(uuid.uuid5(uuid.UUID(pipeline_run), f"{step_id}/{try_number}" + (f"/{lost}" if lost else "")))


@lru_cache(maxsize=10_000)  # a plan asks for each of its steps several times
def reused_run_id(pipeline_run: str, step_id: str) -> str:
    """The id of a step that was reused by the plan and never started: it tells of the run that it is kept with."""
    return f"{pipeline_run}.{uuid.uuid5(uuid.UUID(pipeline_run), step_id).hex[:16]}"


def made_with(run_id: str) -> str:
    """The run with which the run of a reused step is kept; empty for other ids."""
    return run_id.rpartition(".")[0]
