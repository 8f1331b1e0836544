"""What a DAG file pays for importing this package, in a new process that has loaded what all DAG files load of Airflow.

It pays for modules. Their number is the same on every machine at every load; seconds, which are not, are measured by
``python -m benchmarks import_time``: these take 30 ms together, of the 150 ms that they may.
"""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = """
import json, sys
import airflow.sdk
from airflow.sdk import DAG, BaseOperator, Param, Asset, BaseOperatorLink, XComArg
before = set(sys.modules)
{statement}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded(statement: str) -> list[str]:
    """The modules that a statement loads beyond Airflow's."""
    command = [sys.executable, "-c", PROBE.format(statement=statement)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def test_importing_the_package_and_its_operators_loads_nothing_else() -> None:
    names = loaded("import mlsteps, mlsteps.operators")
    assert "mlsteps.operators" in names
    assert set(names) <= {"mlsteps", "mlsteps.operators"}


def test_importing_all_operators_loads_modules_of_ours_alone_and_few_of_them() -> None:
    names = loaded(
        "from mlsteps.operators import CommandOperator, PlanOperator, PythonScriptOperator, StepOperator; "
        "import mlsteps.translate"
    )
    assert {"mlsteps.operators.step", "mlsteps.translate"} <= set(names)
    assert {name.partition(".")[0] for name in names} == {"mlsteps"}
    assert len(names) <= 60  # of 540; a tenth of a second at the very most
