"""XComs that ``plan`` writes for tasks that it skips, so that Airflow's UI shows their outputs and links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlsteps.contracts.record import StepRecord
from mlsteps.operators.attempt import Attempt
from mlsteps.operators.links import OutputsLink, SourceRunLink, outputs_address, source_run_address


def plant(attempt: Attempt, task_id: str, value: Mapping[str, Any], record: StepRecord) -> None:
    """Write a skipped task's ``return_value`` and links; about 20 ms a value.

    A task that is cleared and really runs deletes its XComs first, so nothing planted outlives that.
    """
    from airflow.sdk.execution_time.xcom import XCom

    values: dict[str, Any] = {"return_value": dict(value)}
    links = {
        OutputsLink().xcom_key: outputs_address(attempt.dag_id, attempt.run_id, task_id) if record.outputs else "",
        SourceRunLink().xcom_key: source_run_address(record.producer),
    }
    values.update({key: address for key, address in links.items() if address})
    for key, item in values.items():
        XCom.set(key=key, value=item, dag_id=attempt.dag_id, task_id=task_id, run_id=attempt.run_id)
