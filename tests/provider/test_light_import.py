"""What a DAG file pays for importing this package, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"pandas", "pyarrow", "numpy", "docker", "kubernetes", "adlfs", "s3fs", "fsspec", "fastapi", "sqlalchemy"}
PROBE = """
import json, sys, time
import airflow.sdk
from airflow.sdk import DAG, BaseOperator, Param, Asset, BaseOperatorLink, XComArg
before = set(sys.modules)
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
print(json.dumps([seconds, sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})]))
"""


def measured(statement: str) -> tuple[float, set[str]]:
    """Seconds (the better of two) and the top-level packages that a statement loads."""
    results = []
    for _ in range(2):
        command = [sys.executable, "-c", PROBE.format(statement=statement)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout.splitlines()[-1]))
    return min(seconds for seconds, _ in results), {name for _, names in results for name in names}


def test_importing_the_package_and_its_operators_is_light() -> None:
    seconds, loaded = measured("import mlsteps, mlsteps.operators")
    assert seconds < 0.15
    assert loaded == {"mlsteps"}


def test_importing_all_operators_loads_no_data_or_storage_library() -> None:
    seconds, loaded = measured(
        "from mlsteps.operators import CommandOperator, PlanOperator, PythonScriptOperator, StepOperator; "
        "import mlsteps.translate"
    )
    assert seconds < 0.15
    assert not loaded & HEAVY
