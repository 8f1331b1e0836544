"""An Airflow whose parts are apart: CeleryExecutor on Redis, PostgreSQL, the workspace on S3, nothing else in common.

Each part is a process with a home of its own that the others do not see; a client, a fifth place, submits,
publishes, calls, schedules and cancels. Each part is killed in the middle of it. What ran is counted by what the
scripts write down.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.components.conftest import variable
from tests.components.parts import ARE_APART, PASSWORD, USER, Apart, new_database, wait_for

SUBMIT = """
run = Experiment(ws, *sys.argv[2:] or ["apart"]).submit(pipeline(), pipeline_parameters={"tag": sys.argv[1]})
print("run", run.id, flush=True)
run.wait_for_completion(show_output=True)
print("versions", Dataset.get_by_name(ws, "copy").version)
"""
PLACE = """
from mlsteps.registry.placements import put_placement
for name, queue in (sys.argv[1:3], sys.argv[3:5]):
    put_placement(ws._store(), {"name": name, "kind": "local", "queue": queue})
"""
LOOK = "print(*[len(os.listdir(name)) for name in sys.argv[1:]])"
VERSION = """
from mlsteps.registry import datasets
print("versions", len(datasets.versions(ws._store(), "copy")))
"""


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    import s3fs

    database, drop = new_database(variable("POSTGRES_URL"))
    store = {
        "conn_type": "aws",
        "login": variable("AWS_ACCESS_KEY_ID"),
        "password": variable("AWS_SECRET_ACCESS_KEY"),
        "extra": {"endpoint_url": variable("AWS_ENDPOINT_URL"), "region_name": os.environ["AWS_DEFAULT_REGION"]},
    }
    files = s3fs.S3FileSystem(
        key=store["login"],
        secret=store["password"],
        endpoint_url=store["extra"]["endpoint_url"],
        client_kwargs={"region_name": store["extra"]["region_name"]},
    )
    bucket = f"t{uuid.uuid4().hex}"
    files.mkdir(bucket)
    folder = tmp_path_factory.mktemp("apart")
    made = Apart(folder, database, variable("REDIS_URL"), f"s3://mlsteps_store@{bucket}/team", store)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        drop()
        files.invalidate_cache()
        files.rm(bucket, recursive=True)


@pytest.fixture
def tag() -> str:
    """What tells a run's executions from those of others."""
    return uuid.uuid4().hex[:8]


def lines_until(process: Any, text: str) -> list[str]:
    """What a script has printed up to a line that holds ``text``; it goes on."""
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if text in line:
            return lines
    raise AssertionError("\n".join(lines[-60:]))


def said_of(text: str, word: str) -> str:
    """What follows a word at the beginning of a line."""
    return next(line.split()[1] for line in text.splitlines() if line.startswith(f"{word} "))


def versions(apart: Apart) -> int:
    return int(said_of(apart.run(VERSION), "versions"))


def test_submitted_elsewhere_run_elsewhere_seen_while_it_runs(apart: Apart, tag: str) -> None:
    hold = apart.hold(tag)
    client = apart.submit(SUBMIT, tag)
    seen = lines_until(client, f"begun {tag}")
    assert [script for script, _ in apart.executions(tag)] == ["make"], "the line was read while the step ran"
    hold.unlink()
    rest, _ = client.communicate(timeout=120)
    assert client.returncode == 0, rest
    assert "PipelineRun Status: Finished" in rest and f"used {tag}" in rest and "versions 1" in rest
    assert any(line.startswith("Link to the run in Airflow") and apart.url in line for line in seen)
    assert [script for script, _ in apart.executions(tag)] == ["make", "use"], rest


def test_steps_go_to_the_workers_of_their_targets(apart: Apart, tag: str) -> None:
    """Data that one worker makes is there for the other, which sees no disk of it."""
    apart.run(PLACE, "here", f"{apart.queue}_a", "there", f"{apart.queue}_b")
    try:
        apart.run(SUBMIT, tag, "placed")  # a pipeline that Airflow knows would take it up at its next look
        assert apart.executions(tag) == [("make", "worker_a"), ("use", "worker_b")]
    finally:
        apart.run(PLACE, "here", "", "there", "")


def test_nobody_can_look_into_anothers_home(apart: Apart) -> None:
    if not ARE_APART:
        pytest.skip("needs root: only then each part has mounts of its own")
    homes = [part.home for part in apart.parts.values()]
    assert all(any(home.iterdir()) for home in homes)
    assert apart.run(LOOK, *map(str, homes)).split() == ["0"] * len(homes)


def test_every_part_is_killed_while_a_run_goes_on(apart: Apart, tag: str) -> None:
    before = versions(apart)
    hold = apart.hold(tag)
    client = apart.submit(SUBMIT, tag)
    lines_until(client, f"begun {tag}")
    for name in ("scheduler", "processor", "triggerer", "api"):
        apart.parts[name].restart()
    apart.wait_until_well("metadatabase", "scheduler", "dag_processor", "triggerer")
    hold.unlink()
    rest, _ = client.communicate(timeout=150)
    assert client.returncode == 0, rest
    assert [script for script, _ in apart.executions(tag)] == ["make", "use"], rest
    assert versions(apart) == before + 1


def test_a_worker_dies_in_the_middle_of_a_step(apart: Apart, tag: str) -> None:
    before = versions(apart)
    hold = apart.hold(tag)
    client = apart.submit(SUBMIT, tag)
    lines_until(client, f"begun {tag}")
    ((_, name),) = apart.executions(tag)
    worker = apart.parts[name]
    worker.kill()
    hold.unlink()
    worker.start()
    rest, _ = client.communicate(timeout=300)
    assert client.returncode == 0, rest
    assert [script for script, _ in apart.executions(tag)] == ["make", "make", "use"]
    assert versions(apart) == before + 1


def login(apart: Apart) -> dict[str, str]:
    answer = httpx.post(f"{apart.url}/auth/token", json={"username": USER, "password": PASSWORD}, trust_env=False)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def posted(apart: Apart, endpoint: str, body: dict[str, Any]) -> httpx.Response:
    """The answer; it was published a moment ago, so the first ones may be that Airflow has not loaded it yet."""

    def post() -> httpx.Response | None:
        answer = httpx.post(endpoint, json=body, headers=login(apart), trust_env=False, timeout=120.0)
        return None if answer.status_code == 503 else answer

    found: httpx.Response = wait_for(post, "the pipeline is loaded", 300, 5)
    return found


def test_published_and_called(apart: Apart, tag: str) -> None:
    said = apart.run('print("endpoint", pipeline().publish("Nightly").endpoint)')
    endpoint = said_of(said, "endpoint")
    hold = apart.hold(tag)
    body = {"ExperimentName": "called", "ParameterAssignments": {"tag": tag}}
    answer = posted(apart, endpoint, body)
    assert answer.status_code == 200, answer.text
    apart.parts["api"].restart()
    wait_for(lambda: apart.executions(tag), "the step begins")
    hold.unlink()
    apart.wait_until_well("metadatabase")
    rest = apart.run("PipelineRun(Experiment(ws, 'called'), sys.argv[1]).wait_for_completion()", answer.json()["Id"])
    assert [script for script, _ in apart.executions(tag)] == ["make", "use"], rest


EACH_MINUTE = """
published = pipeline().publish("Scheduled")
schedule = Schedule.create(ws, name="each minute", pipeline_id=published.id, experiment_name="scheduled",
                           recurrence=ScheduleRecurrence("Minute", 1), pipeline_parameters={"tag": sys.argv[1]},
                           wait_for_provisioning=True)
print("schedule", schedule.id)
"""
EACH_FILE = """
published = pipeline().publish("Watched")
store = ws.get_default_datastore()
schedule = Schedule.create(ws, name="each file", pipeline_id=published.id, experiment_name="watched", datastore=store,
                           path_on_datastore="incoming", polling_interval=1, pipeline_parameters={"tag": sys.argv[1]},
                           wait_for_provisioning=True)
print("schedule", schedule.id)
"""
ARRIVES = """
with open(sys.argv[1], "w") as stream:
    stream.write(sys.argv[1])
ws.get_default_datastore().upload_files([sys.argv[1]], target_path="incoming")
"""
ENDED = """
schedule = Schedule.get(ws, sys.argv[1])
schedule.disable()
runs = schedule.get_pipeline_runs()
for run in runs:
    run.wait_for_completion(show_output=False)
print("runs", len(runs), *[run.get_status() for run in runs])
"""


def test_scheduled_by_the_clock(apart: Apart, tag: str) -> None:
    schedule = said_of(apart.run(EACH_MINUTE, tag), "schedule")
    wait_for(lambda: apart.executions(tag), "it fires at once")
    apart.parts["scheduler"].restart()
    apart.parts["processor"].restart()
    wait_for(lambda: len(apart.executions(tag)) >= 4, "it fires again", 150)
    runs = int(said_of(apart.run(ENDED, schedule), "runs"))
    assert sorted(script for script, _ in apart.executions(tag)) == ["make"] * runs + ["use"] * runs


def test_scheduled_by_data(apart: Apart, tag: str) -> None:
    schedule = said_of(apart.run(EACH_FILE, tag), "schedule")
    apart.run(ARRIVES, "first")
    apart.parts["triggerer"].restart()
    wait_for(lambda: len(apart.executions(tag)) == 2, "the first file has started a run", 200)
    apart.parts["triggerer"].kill()
    apart.run(ARRIVES, "second")
    apart.parts["triggerer"].start()
    wait_for(lambda: len(apart.executions(tag)) == 4, "the second file has started a run", 200)
    assert int(said_of(apart.run(ENDED, schedule), "runs")) == 2
    assert [script for script, _ in apart.executions(tag)] == ["make", "use"] * 2


def test_cancelled(apart: Apart, tag: str) -> None:
    hold = apart.hold(tag)
    code = """
run = Experiment(ws, "cancelled").submit(pipeline(), pipeline_parameters={"tag": sys.argv[1]})
print("run", run.id, flush=True)
while not list(run.get_children()):
    __import__("time").sleep(0.5)
"""
    said = apart.run(code, tag)
    wait_for(lambda: apart.executions(tag), "the step begins")
    cancel = """
run = PipelineRun.get(ws, sys.argv[1])
run.cancel()
print("status", run.wait_for_completion(show_output=False))
"""
    assert said_of(apart.run(cancel, said_of(said, "run")), "status") == "Canceled"
    assert hold.exists() and apart.executions(tag)[0][0] == "make"
    wait_for(lambda: not scripts_of(tag), "the script has ended")
    hold.unlink()
    assert [script for script, _ in apart.executions(tag)] == ["make"]


def scripts_of(tag: str) -> list[int]:
    """Processes that have the tag among their arguments."""
    import psutil

    found = psutil.process_iter(["cmdline"])
    return [one.pid for one in found if tag in (one.info["cmdline"] or ()) and "make.py" in str(one.info["cmdline"])]
