"""What Airflow's scheduler loads before it forks workers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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

RUN = """
import json, sys
from importlib import import_module
from pathlib import Path
from mlsteps.operators.preload import MODULES
from mlsteps.translate import dag
from tests.operators.pipelines import TwoSteps
from tests.operators.runs import store

for name in MODULES:
    import_module(name)
pipeline = dag(TwoSteps(Path(sys.argv[1])).graph(), "preloaded")
store(pipeline)
before = set(sys.modules)
states = [str(pipeline.test().state) for _ in range(2)]  # the second is reused
later = sorted(name for name in set(sys.modules) - before if name.startswith("mlsteps"))
print(json.dumps({"states": states, "later": later}))
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


def test_a_run_of_steps_on_the_worker_loads_nothing_more_of_ours(airflow_home: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {"states": ["success", "success"], "later": []}
