"""The embedded Airflow, for real: started, shared, repaired, and gone with its clients."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from mlsteps.client.airflow_api import AirflowApi
from mlsteps.client.embedded import connected, embedded
from mlsteps.errors import ExperimentExecutionException
from tests.client.conftest import TRIVIAL, processes_of, query, wait_until

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc"),
]

CLIENT = """
import sys
from mlsteps.client.airflow_api import AirflowApi
from mlsteps.client.embedded import embedded

server = embedded()
assert server.sync("trivial", sys.argv[1])
AirflowApi(server.address).trigger("trivial", sys.argv[2], {"seconds": 100})
print("triggered", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(home, tmp_path_factory):
    found = embedded()
    (home.dags / "trivial.py").write_text(TRIVIAL)
    assert found.sync("trivial", str(home.folder / "root"))
    return found


def pid_of(home) -> int:
    return json.loads(home.description.read_text())["pid"]


def scheduler(home) -> int:
    """The scheduler is the parent of the executor's workers."""
    worker = next(line for line in processes_of(home) if "LocalExecutor" in line)
    status = Path(f"/proc/{worker.split()[0]}/stat").read_text()
    return int(status.rpartition(")")[2].split()[1])


@pytest.fixture
def api(server):
    found = AirflowApi(server.address)
    yield found
    found.close()


def run(api, dag_id: str = "trivial", **conf: int) -> str:
    run_id = str(uuid.uuid4())
    api.trigger(dag_id, run_id, conf)
    return run_id


def test_a_dag_that_was_synced_runs_when_triggered(api, home) -> None:
    run_id = run(api)
    wait_until(lambda: api.run_state("trivial", run_id) == "success", what="the run succeeds")
    states = [(task["task_id"], task["state"]) for task in api.task_instances("trivial", run_id)]
    assert states == [("first", "success")]
    assert (home.folder / "first").read_text() == "started\n"


def test_secrets_are_for_the_owner_alone(server, home) -> None:
    for path in (home.configuration, home.passwords, home.description):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    password = json.loads(home.passwords.read_text())["admin"]
    for process in processes_of(home):
        try:
            told = Path(f"/proc/{process.split()[0]}/environ").read_bytes()
        except OSError:  # it has ended
            continue
        assert password.encode() not in told


def test_an_unknown_pipeline_is_refused_with_airflows_reason(server, home) -> None:
    with pytest.raises(ExperimentExecutionException, match="'nowhere' gave no DAG"):
        server.sync("nowhere", str(home.folder / "root"))


def test_an_id_belongs_to_one_workspace(server, home) -> None:
    assert not server.sync("trivial", "/another/root")


def test_a_killed_scheduler_is_started_again_and_its_task_too(server, api, home) -> None:
    before = (home.folder / "first").read_text() if (home.folder / "first").exists() else ""
    run_id = run(api, seconds=6)
    wait_until(lambda: (home.folder / "first").read_text() != before, what="the task runs")
    killed = scheduler(home)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: any("scheduler" in fault for fault in server.faults()), what="the fault is reported")
    wait_until(lambda: api.run_state("trivial", run_id) in ("success", "failed"))
    # The task died with its scheduler: Airflow makes another try of it, once the scheduler is back.
    assert (home.folder / "first").read_text() == before + "started\nstarted\n"
    assert api.run_state("trivial", run_id) == "success"


def test_two_processes_share_one_and_the_last_one_ends_it(server, home) -> None:
    pid = pid_of(home)
    run_id = str(uuid.uuid4())
    command = [sys.executable, "-c", CLIENT, str(home.folder / "root"), run_id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "triggered\n"
        assert pid_of(home) == pid
        server.leave()
        assert processes_of(home)
        wait_until(lambda: "sleep 100" in "".join(processes_of(home)), what="the other's task runs")
        other.kill()
    wait_until(lambda: not processes_of(home), 60.0, "everything ends with the killed client")
    assert connected() is None
    assert query(home, f"select state from dag_run where run_id = '{run_id}'") == [("failed",)]
    assert query(home, "select count(*) from task_instance where state in ('running', 'queued')") == [(0,)]


def test_one_that_is_killed_takes_everything_along_and_the_next_one_tidies_up(server, api, home) -> None:
    assert server.sync("waits", str(home.folder / "root"))
    run_id = run(api, "waits")
    wait_until(lambda: (home.folder / "waits").exists(), what="the task runs")
    os.kill(pid_of(home), signal.SIGKILL)
    wait_until(lambda: not processes_of(home), 60.0, "no part outlives the supervisor")
    with pytest.raises(ExperimentExecutionException, match="has ended"):
        server.faults()
    again = embedded()
    assert again is not server
    assert again.sync("waits", str(home.folder / "root"))  # answered when the database has been prepared
    assert query(home, f"select state from dag_run where run_id = '{run_id}'") == [("failed",)]
