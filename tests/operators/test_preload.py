"""What a step on the worker itself loads is loaded before Airflow forks the processes of its tasks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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


def test_a_run_of_steps_on_the_worker_loads_nothing_more_of_ours(airflow_home: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {"states": ["success", "success"], "later": []}
