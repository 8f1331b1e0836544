"""Buttons on a task in Airflow's UI: its outputs, and the run whose outputs it uses.

Airflow asks an operator's links for their address in the task's own process and keeps it as the XCom
``_link_<class name>``. A reused step has no process: ``plan`` plants that XCom for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


def run_address(dag_id: str, run_id: str) -> str:
    """Where the UI shows a run of a DAG; starts with ``[api] base_url`` when that is set."""
    from airflow.sdk import conf

    base = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
    return f"{base}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def task_address(dag_id: str, run_id: str, task_id: str, run: str | None = None) -> str:
    """Where the UI shows a task of a run.

    :param run: answer of :func:`run_address`, for whoever asks for many tasks.
    """
    return f"{run or run_address(dag_id, run_id)}/tasks/{quote(task_id)}"


def outputs_address(dag_id: str, run_id: str, task_id: str) -> str:
    """Where the UI shows a task's outputs: places, versions and digests are in its ``return_value``."""
    return task_address(dag_id, run_id, task_id) + "/xcom"


def source_run_address(producer: Mapping[str, Any]) -> str:
    """Where the UI shows the task that produced a record; empty for a producer outside Airflow."""
    if not all(producer.get(key) for key in ("dag_id", "run_id", "task_id")):
        return ""
    return task_address(producer["dag_id"], producer["run_id"], producer["task_id"])


class OutputsLink(BaseOperatorLink):  # type: ignore[misc]
    """Where the step's outputs are listed."""

    name = "Outputs"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address of the task's XComs."""
        return outputs_address(ti_key.dag_id, ti_key.run_id, ti_key.task_id)


class SourceRunLink(BaseOperatorLink):  # type: ignore[misc]
    """The task, often of an earlier run, whose outputs a reused step passes on."""

    name = "Reused from"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address of the producing task; empty for a step that ran itself."""
        return source_run_address(getattr(operator, "reused_from", None) or {})


class TriggeredRunLink(BaseOperatorLink):  # type: ignore[misc]
    """The run of the pipeline that a schedule started."""

    name = "Pipeline run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address of the run; empty when none was started."""
        started = getattr(operator, "started", None)
        return run_address(started.dag_id, started.run_id) if started is not None else ""
