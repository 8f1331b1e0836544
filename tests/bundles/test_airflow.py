"""The bundle in an Airflow of its own, with DAG processor, scheduler and API server apart; clients reach it by HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlsteps.client import standalone
from mlsteps.client.standalone import Standalone
from mlsteps.sdk.authentication import InteractiveLoginAuthentication
from mlsteps.sdk.endpoint import PipelineEndpoint
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_run import PipelineRun
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace

pytestmark = pytest.mark.airflow

SCRIPT = "import sys, time\nprint('this is', sys.argv[1])\ntime.sleep(float(sys.argv[2]))\n"


@pytest.fixture(scope="module")
def environ() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, environ: pytest.MonkeyPatch) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("airflow")
    root = tmp_path_factory.mktemp("shared") / "root"
    bundle = {"root": str(root), "refresh_interval": 300}  # nothing is found in time without being asked for
    bundles = [{"name": "team", "classpath": "mlsteps.bundles.MlstepsDagBundle", "kwargs": bundle}]
    (folder / "dags").mkdir()
    environ.setenv("MLSTEPS_HOME", str(folder / "home"))
    made = standalone.start(
        folder,
        folder / "dags",
        {
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": folder / "bundles",
            "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 0,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": True,
        },
    )
    environ.setenv("MLSTEPS_AIRFLOW_USER", standalone.USER)
    environ.setenv("MLSTEPS_AIRFLOW_PASSWORD", made.password())
    (folder / "config.json").write_text(
        json.dumps(
            {
                "subscription_id": "s",
                "resource_group": "g",
                "workspace_name": "team",
                "root": str(root),
                "airflow_url": made.url,
            }
        )
    )
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield made
    finally:
        os.chdir(before)
        made.stop()


@pytest.fixture(scope="module")
def workspace(server: Standalone) -> Workspace:
    return Workspace.from_config()


@pytest.fixture(scope="module")
def pipeline(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pipeline]:
    source = tmp_path_factory.mktemp("source")
    (source / "step.py").write_text(SCRIPT)
    config = RunConfiguration()
    config.environment.python.user_managed_dependencies = True

    def make(*names: str, seconds: float = 0.0) -> Pipeline:
        steps = [
            PythonScriptStep(
                "step.py",
                name=name,
                arguments=[name, PipelineParameter("seconds", seconds)],
                source_directory=source,
                runconfig=config,
                compute_target="local",
                allow_reuse=False,
            )
            for name in names
        ]
        for before, after in pairwise(steps):
            after.run_after(before)
        return Pipeline(workspace, steps)

    return make


def dag_runs(server: Standalone, dag_id: str) -> dict[str, Any]:
    api = server.api()
    try:
        found = api._request("GET", f"/api/v2/dags/{dag_id}/dagRuns").json()["dag_runs"]
    finally:
        api.close()
    return {run["dag_run_id"]: run for run in found}


def test_a_run_keeps_its_graph_when_its_experiment_gets_another(
    server: Standalone, workspace: Workspace, pipeline: Callable[..., Pipeline]
) -> None:
    experiment = Experiment(workspace, "experiment")
    first = experiment.submit(pipeline("before", "late", seconds=4.0))
    second = experiment.submit(pipeline("another"))
    assert second.wait_for_completion(show_output=False) == "Finished"
    assert first.wait_for_completion(show_output=False) == "Finished"
    assert [[step.name for step in run.get_steps()] for run in (first, second)] == [["late", "before"], ["another"]]
    assert {run._head()["dag_id"] for run in (first, second)} == {"experiment"}
    runs = dag_runs(server, "experiment")
    assert runs[first.id]["bundle_version"] != runs[second.id]["bundle_version"]
    numbers = [[item["version_number"] for item in runs[run.id]["dag_versions"]] for run in (first, second)]
    assert numbers == [[1], [2]]


def test_what_was_published_a_moment_ago_answers_over_rest(
    server: Standalone, workspace: Workspace, pipeline: Callable[..., Pipeline]
) -> None:
    published = pipeline("only").publish("Nightly run", version="3")
    assert published.endpoint.startswith(f"{server.url}/mlsteps/")
    header = InteractiveLoginAuthentication().get_authentication_header()
    options: dict[str, Any] = {"headers": header, "trust_env": False, "timeout": 60.0}
    answer = httpx.post(published.endpoint, json={"ExperimentName": "by-rest"}, **options)
    assert answer.status_code == 200, answer.text
    run = PipelineRun.get(workspace, answer.json()["Id"])
    assert run.wait_for_completion(show_output=False) == "Finished"
    assert run._head()["embedded"] is False and answer.json()["RunUrl"].startswith(server.url)

    endpoint = PipelineEndpoint.publish(workspace, "nightly", "d", published)
    by_name = endpoint.endpoint.split("Id", 1)[0] + "Name?name=nightly&pipelineVersion=0"
    answer = httpx.post(by_name, json={}, **options)
    assert PipelineRun.get(workspace, answer.json()["Id"]).wait_for_completion(show_output=False) == "Finished"
    again = endpoint.submit("by-sdk", pipeline_parameters={"seconds": 0.1})
    assert again.wait_for_completion(show_output=False) == "Finished"
    assert {run.id for run in PipelineRun.get_pipeline_runs(workspace, published.id)} >= {again.id, run.id}

    published.disable()
    assert httpx.post(published.endpoint, json={}, **options).status_code == 409


def test_a_wrong_login_says_where_to_put_the_right_one(
    server: Standalone, workspace: Workspace, pipeline: Callable[..., Pipeline], environ: pytest.MonkeyPatch
) -> None:
    from mlsteps.errors import UserErrorException

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLSTEPS_AIRFLOW_USER")
        with pytest.raises(UserErrorException, match="no login for Airflow"):
            Experiment(workspace, "refused").submit(pipeline("x"))
    assert "refused" not in {item.name for item in Experiment.list(workspace)}


def test_the_files_of_the_bundle_hold_no_login(server: Standalone) -> None:
    folder = Path(server.folder) / "bundles"
    assert list(folder.rglob("bundle.json"))
    for file in folder.rglob("*"):
        if file.is_file():
            assert server.password() not in file.read_text()


def test_the_command_line_publishes_triggers_and_looks_after_it(
    workspace: Workspace, pipeline: Callable[..., Pipeline], capsys: pytest.CaptureFixture[str]
) -> None:
    from mlsteps.cli.main import main

    def told(*command: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*command, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    published = pipeline("one", "two").publish("by hand")
    assert [item for item in told("workspace", "doctor") if item["state"] == "FAULT"] == []
    done = told("pipelines", "trigger", "by hand", "-p", "seconds=0.5", "-e", "console", "--wait")
    assert (done["status"], done["experiment"]) == ("Completed", "console")
    assert told("runs", "list", "--pipeline", published.id)[0]["id"] == done["run_id"]
    assert main(["runs", "logs", done["run_id"], "--follow"]) == 0
    assert "[two] this is two" in capsys.readouterr().out.splitlines()
    long = told("pipelines", "trigger", "by hand", "-p", "seconds=60")
    assert main(["runs", "cancel", long["run_id"]]) == 0
    assert main(["runs", "logs", long["run_id"], "--follow"]) == 1
    assert told("runs", "show", long["run_id"])["status"] == "Canceled"
    told_of = told("pipelines", "diff", published.id, f"run:{done['run_id']}")
    assert told_of == []
