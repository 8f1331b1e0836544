"""On one real scheduler: a fully reused chain of 200 steps, and what our operator costs beyond `BashOperator`.

* the reused chain against a DAG of one trivial task: ratio of the DAG runs' wall times, target at most 2.0;
  against the same chain of `EmptyOperator`s and of `BashOperator`s, and against a task that does nothing but skip 200
  others, which is what no plan can be faster than: ratios reported;
* a step that runs `python -c pass` through our operator against `BashOperator`: ratio of task times, at most 1.3.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import uuid
from datetime import datetime
from pathlib import Path

from benchmarks.measure import report

SCRIPT = """import os, sys
os.makedirs(sys.argv[1])
open(os.path.join(sys.argv[1], "n"), "w").write(str(len(sys.argv)))
"""


class Scheduler:
    """A standalone Airflow with the benchmark's DAGs."""

    def __init__(self, folder: Path) -> None:
        from mlsteps.client import standalone

        source = folder / "source"
        source.mkdir()
        (source / "copy_on.py").write_text(SCRIPT)
        os.environ["BENCH_SOURCE"] = str(source)
        os.environ["MLSTEPS_HOME"] = str(folder / "mlsteps")
        self.server = standalone.start(folder, Path(__file__).parent / "dags")
        self.api = self.server.api()

    def run(self, dag_id: str, limit: float = 1200) -> str:
        """Run the DAG to its end; the run's id."""
        run_id = str(uuid.uuid4())
        deadline = time.monotonic() + limit
        while self.api.dag(dag_id) is None and time.monotonic() < deadline:
            if errors := self.api.import_errors():
                raise RuntimeError("\n".join(errors))
            time.sleep(0.5)
        self.api.trigger(dag_id, run_id, {})
        while (state := self.api.run_state(dag_id, run_id)) not in ("success", "failed"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{dag_id} is still {state}")
            time.sleep(0.2)
        if state != "success":
            raise RuntimeError(f"{dag_id} {state}")
        return run_id

    def wall(self, dag_id: str) -> float:
        """Seconds from the DAG run's start to its end."""
        run_id = self.run(dag_id)
        run = self.api._request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").json()
        return between(run["start_date"], run["end_date"])

    def task_seconds(self, dag_id: str) -> float:
        """Median seconds of a task of one run."""
        run_id = self.run(dag_id)
        times = [between(item["start_date"], item["end_date"]) for item in self.api.task_instances(dag_id, run_id)]
        return statistics.median(times)


def between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def pairs(ours, peer, repeats: int) -> tuple[float, float, float]:
    ours(), peer()
    measured = [(ours(), peer()) for _ in range(repeats)]
    ratio = statistics.median(a / b for a, b in measured)
    return statistics.median(a for a, _ in measured), statistics.median(b for _, b in measured), ratio


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        scheduler = Scheduler(Path(name))
        try:
            overhead(scheduler)
            reused_chain(scheduler)
        finally:
            scheduler.server.stop()


def overhead(scheduler: Scheduler) -> None:
    a, b, ratio = pairs(
        lambda: scheduler.task_seconds("overhead_ours"), lambda: scheduler.task_seconds("overhead_bash"), 3
    )
    report("step_overhead_python_pass", "s/task", a, b, ratio, 1.3)


def reused_chain(scheduler: Scheduler) -> None:
    first = scheduler.wall("chain_reused")
    a, b, ratio = pairs(lambda: scheduler.wall("chain_reused"), lambda: scheduler.wall("one_trivial_task"), 5)
    report("reused_chain_200_vs_one_task", "s/run", a, b, ratio, 2.0, first_run=round(first, 1))
    a, b, ratio = pairs(lambda: scheduler.wall("chain_reused"), lambda: scheduler.wall("chain_skipped"), 5)
    report("reused_chain_200_vs_chain_skipped", "s/run", a, b, ratio)
    for peer in ("chain_empty", "chain_bash"):
        seconds = scheduler.wall(peer)
        report(f"reused_chain_200_vs_{peer}", "s/run", a, seconds, a / seconds)


if __name__ == "__main__":
    main()
