"""What Airflow's scheduler loads before it forks workers."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
import airflow.sdk
from airflow.sdk.listener import get_listener_manager
before = set(sys.modules)
class {name}: pass
get_listener_manager().hook.on_starting(component={name}())
print(*sorted(set(sys.modules) - before))
"""


def loaded(component: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(name=component)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.usefixtures("airflow_home")
def test_a_component_loads_what_tasks_need_and_nothing_heavy_or_foreign() -> None:
    found = loaded("Job")
    assert {"mlsteps.operators.execution", "mlsteps.runner.__main__", "mlsteps.compute.forked"} <= found
    heavy = {"azureml", "pandas", "pyarrow", "numpy", "docker", "kubernetes", "adlfs", "s3fs", "fsspec"}
    assert not found & heavy


@pytest.mark.usefixtures("airflow_home")
def test_a_task_loads_nothing_before_it_needs_it() -> None:
    assert "mlsteps.operators.execution" not in loaded("TaskRunnerMarker")
