"""What published pipelines cost the DAG processor, against as many plain DAG files of the same shape.

1, 100 and 1,000 pipelines of 10 steps (or the numbers that are given as arguments), each a chain behind a first task,
in the bundle and as a file each: seconds of CPU that a DAG processor and its children need to have all of them in
Airflow's database, beyond what it needs for none; and again when it starts once more and knows them all. Target for
each number and both passes: at most 1.0.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import report

STEPS = 10
NUMBERS = (1, 100, 1_000)
PLAIN = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param

with DAG("pipeline_{number}", schedule=None, params={{"rate": Param(0.1, type="number")}}) as dag:
    before = BashOperator(task_id="plan", bash_command="true")
    for step in range({steps}):
        command = f"python work.py --out out{{step}} --number {number} --rate {{{{{{{{ params.rate }}}}}}}}"
        task = BashOperator(task_id=f"step{{step}}", bash_command=command)
        before >> task
        before = task
"""


class Processor:
    """DAG processors, each with a database of its own that is whole and empty.

    :param folder: where all of it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first = folder / "first.db"
        self._airflow(self._environment(self.first, []), "db", "migrate")

    def seconds(self, name: str, bundle: dict[str, Any], number: int) -> tuple[float, float]:
        """Seconds of CPU: to get to know ``number`` DAGs of a bundle, and to see that nothing has changed."""
        database = self.folder / f"{name}.db"
        shutil.copy(self.first, database)
        environment = self._environment(database, [{"name": name, **bundle}])
        passes = [self._pass(environment) for _ in range(2)]
        with sqlite3.connect(database) as connection:
            ((found,),) = connection.execute("select count(*) from serialized_dag")
            ((faults,),) = connection.execute("select count(*) from import_error")
        if (found, faults) != (number, 0):
            raise RuntimeError(f"{name}: {found} DAGs of {number}, {faults} faults")
        return passes[0], passes[1]

    def _pass(self, environment: dict[str, str]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._airflow(environment, "dag-processor", "--num-runs", "1")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _airflow(self, environment: dict[str, str], *arguments: str) -> None:
        command = [str(Path(sys.executable).parent / "airflow"), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _environment(self, database: Path, bundles: list[dict[str, Any]]) -> dict[str, str]:
        settings = {
            "CORE__LOAD_EXAMPLES": False,
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": self.folder / "bundles",
            "LOGGING__LOGGING_LEVEL": "ERROR",
            "USAGE_DATA_COLLECTION__ENABLED": False,
        }
        said = {f"AIRFLOW__{key}": str(value) for key, value in settings.items()}
        home = {"AIRFLOW_HOME": str(self.folder / "airflow"), "MLSTEPS_HOME": str(self.folder / "mlsteps")}
        return {**os.environ, **home, **said}


def publish(root: Path, number: int) -> dict[str, Any]:
    """A workspace with so many published pipelines, as a bundle."""
    from mlsteps.contracts.graph import Parameter, PipelineGraph, StepNode
    from mlsteps.registry import pipelines
    from mlsteps.registry.workspaces import open_workspace

    ws = open_workspace({"name": "benchmark", "root": str(root)})
    for one in range(number):
        steps = tuple(
            StepNode(
                f"step{step}",
                f"step{step}",
                script="work.py",
                snapshot="0" * 64,
                arguments=("--number", str(one), "--rate", {"parameter": "rate"}),
                run_after=(f"step{step - 1}",) if step else (),
                environment="here",
            )
            for step in range(STEPS)
        )
        environment = {"name": "here", "python": {"userManagedDependencies": True}}
        graph = PipelineGraph(steps, {"name": "benchmark"}, (Parameter("rate", "float", 0.1),), {"here": environment})
        pipelines.publish(ws, graph, name=f"pipeline {one}")
    return {"classpath": "mlsteps.bundles.MlstepsDagBundle", "kwargs": {"root": str(root)}}


def write_files(folder: Path, number: int) -> dict[str, Any]:
    """So many plain DAG files, as a bundle."""
    folder.mkdir()
    for one in range(number):
        (folder / f"pipeline_{one}.py").write_text(PLAIN.format(number=one, steps=STEPS))
    return {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(folder)}}


def main(numbers: tuple[int, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        processor = Processor(folder)
        nothing = processor.seconds("nothing", write_files(folder / "nothing", 0), 0)
        for number in numbers:
            ours = processor.seconds(f"ours_{number}", publish(folder / f"root_{number}", number), number)
            peer = processor.seconds(f"plain_{number}", write_files(folder / f"plain_{number}", number), number)
            for which, a, b, base in zip(("new", "known"), ours, peer, nothing, strict=True):
                a, b = max(a - base, 0.01), max(b - base, 0.01)
                report(f"dag_processor_{number}_{which}", "s of CPU", a, b, a / b, 1.0)


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or NUMBERS)
