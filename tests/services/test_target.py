"""A step that is a job of a service, whatever the service: a job of this test's own stands for one."""

from __future__ import annotations

import threading
import time

import pytest

from mlsteps.contracts.spec import OutputSpec, StepSpec
from mlsteps.registry.documents import get_datastore
from mlsteps.registry.runs import RunStore
from mlsteps.services.job import Job, State
from mlsteps.services.target import ServiceTarget
from mlsteps.storage.open import open_datastore

STORE = "workspaceblobstore"


class Service:
    """Runs jobs, each started once a key; ``ends`` says how."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.canceled: list[str] = []
        self.state = State("done", ended=True)
        self.write = lambda: None


class JobThere(Job):
    def __init__(self, service: Service) -> None:
        self.service = service

    def start(self, key: str) -> str:
        assert len(key) <= 64
        if key not in self.service.started:
            self.service.started.append(key)
        self.service.write()
        return f"job-{self.service.started.index(key)}"

    def look(self, job_id: str) -> State:
        if job_id in self.service.canceled:
            return State("stopped", ended=True, canceled=True)
        return self.service.state

    def cancel(self, job_id: str) -> None:
        self.service.canceled.append(job_id)

    def said(self, job_id: str) -> str:
        return "the last line"


@pytest.fixture
def service() -> Service:
    return Service()


def spec_of(ws, run_id: str = "run1") -> StepSpec:
    RunStore(ws).create(run_id, experiment="e", type="azureml.StepRun", name="s")
    return StepSpec(
        run_id=run_id,
        pipeline_run_id="p",
        experiment="e",
        step_name="s",
        workspace={"name": "services", "root": ws.root},
        argv=("Databricks",),
        interpreter="",
        work_directory="",
        datastores={STORE: get_datastore(ws, STORE)},
        outputs=(OutputSpec("out", "pipeline_data", STORE, f"azureml/{run_id}/out"),),
    )


def target_of(ws, service: Service) -> ServiceTarget:
    return ServiceTarget(ws, lambda spec, stores, credentials: JobThere(service), 0.05)


def test_what_the_job_wrote_is_the_output(ws, service):
    store = open_datastore(get_datastore(ws, STORE))
    service.write = lambda: store.write("azureml/run1/out/part/0.csv", b"a,b")
    lines: list[str] = []
    target = target_of(ws, service)
    assert target.left_behind("task", "content") is None
    result = target.run(spec_of(ws), {}, on_line=lines.append)
    assert result.status == "Completed"
    assert [(item.path, item.size) for item in result.outputs["out"].files] == [("part/0.csv", 3)]
    assert "Job job-0 is started." in lines and "the last line" in lines
    assert RunStore(ws).artifacts("run1").read("user_logs/std_log.txt") == b"the last line"
    assert target_of(ws, service).left_behind("task", "content") is None  # nothing is left to go on with


def test_a_failed_job_is_the_users_failure(ws, service):
    service.state = State("bad", ended=True, error="Databricks: FAILED. no such table")
    result = target_of(ws, service).run(spec_of(ws), {}, on_line=lambda line: None)
    assert (result.status, result.error["category"], result.error["tail"]) == ("Failed", "user", "the last line")
    assert "no such table" in result.error["message"] and result.outputs == {}


def test_a_job_whose_worker_died_is_gone_on_with(ws, service):
    """The first try is left while the job runs; the second collects the same job."""
    service.state = State("running")
    first = target_of(ws, service)
    first.left_behind("task", "content")
    left = threading.Thread(target=lambda: first.run(spec_of(ws), {}, on_line=lambda line: None), daemon=True)
    left.start()
    deadline = time.monotonic() + 120
    while not service.started and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    second = target_of(ws, service)
    spec = second.left_behind("task", "content")
    assert spec is not None and spec.run_id == "run1"
    service.state = State("done", ended=True)
    lines: list[str] = []
    assert second.run(spec, {}, on_line=lines.append).status == "Completed"
    left.join(120)
    assert service.started == service.started[:1] and len(service.started) == 1


def test_one_that_was_killed_before_it_knew_its_job_asks_with_the_same_key(ws, service):
    spec = spec_of(ws)
    first = target_of(ws, service)
    first.left_behind("task", "content")
    assert first._notes is not None
    first._notes.write({"content": "content", "spec": spec.to_json()})  # as a try leaves it that dies in start()
    second = target_of(ws, service)
    found = second.left_behind("task", "content")
    assert found is not None
    assert second.run(found, {}, on_line=lambda line: None).status == "Completed"
    third = target_of(ws, service)
    third.left_behind("task", "content")
    third.run(found, {}, on_line=lambda line: None)
    assert len(service.started) == 1


def test_another_content_is_another_job(ws, service):
    target = target_of(ws, service)
    target.left_behind("task", "content")
    assert target._notes is not None
    target._notes.write({"content": "content", "spec": spec_of(ws).to_json(), "job": "job-0"})
    other = target_of(ws, service)
    assert other.left_behind("task", "another") is None
    other.run(spec_of(ws, "run2"), {}, on_line=lambda line: None)
    assert service.canceled == ["job-0"]


def test_stopping_cancels_the_job(ws, service):
    service.state = State("running")
    target, results = target_of(ws, service), []
    thread = threading.Thread(target=lambda: results.append(target.run(spec_of(ws), {}, on_line=lambda line: None)))
    thread.start()
    deadline = time.monotonic() + 120
    while not service.started and time.monotonic() < deadline:
        time.sleep(0.01)
    target.stop()
    thread.join(120)
    assert results[0].status == "Canceled" and service.canceled == ["job-0"]


def test_a_service_that_cannot_be_asked_is_an_infrastructure_failure(ws, service):
    def refuse() -> None:
        raise ConnectionError("connection refused")

    service.write = refuse
    result = target_of(ws, service).run(spec_of(ws), {}, on_line=lambda line: None)
    assert (result.status, result.error["category"]) == ("Failed", "infrastructure")
    assert "connection refused" in result.error["message"]
