"""Runs that are started over REST: what they are started with, and that they run."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlsteps.client.target import target_of
from mlsteps.contracts.dataset import file_definition
from mlsteps.registry import datasets
from mlsteps.sdk.authentication import (
    AzureCliAuthentication,
    InteractiveLoginAuthentication,
    MsiAuthentication,
    ServicePrincipalAuthentication,
)
from mlsteps.sdk.endpoint import PipelineEndpoint
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.pipeline_run import PipelineRun
from mlsteps.sdk.published import PublishedPipeline
from mlsteps.sdk.workspace import Workspace
from tests.rest.conftest import pipeline_runs, wait_for

pytestmark = pytest.mark.airflow
Post = Callable[..., httpx.Response]


def test_a_run_is_started_with_what_the_body_says(
    workspace: Workspace, published: PublishedPipeline, post: Post
) -> None:
    saved = datasets.save(workspace._store(), file_definition("workspaceblobstore", "x"))
    body = {
        "ExperimentName": "by-rest",
        "RunSource": "SDK",
        "Description": "why",
        "DisplayName": "shown",
        "ParameterAssignments": {"word": "$HOME {{ ds }}", "count": "7"},
        "DataPathAssignments": {"where": {"DataStoreName": "workspaceblobstore", "RelativePath": "out/here"}},
        "DataSetDefinitionValueAssignments": {"data": {"SavedDataSetReference": {"Id": saved}}},
        "Tags": {"who": "me", "empty": None},
        "StepTags": {"each": "step"},
        "ContinueRunOnStepFailure": True,
        "SomethingElse": [1, 2],
    }
    answer = post(published.endpoint, body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["ExperimentName"], told["PipelineId"], told["GraphId"], told["Description"]) == (
        "by-rest",
        published.id,
        published.graph_id,
        "why",
    )
    run = PipelineRun(Experiment(workspace, "by-rest"), told["Id"])
    assert run._head()["parameters"] == {
        "word": "$HOME {{ ds }}",
        "count": 7,
        "where": {"datastore": "workspaceblobstore", "path": "out/here"},
        "data": {"id": saved},
    }
    assert run._head()["continue_on_step_failure"] is True
    assert run.wait_for_completion(show_output=False) == "Finished"
    assert (run.get_tags(), run.description, run.display_name) == ({"who": "me", "empty": ""}, "why", "shown")
    assert run.get_properties()["azureml.pipelineid"] == published.id
    (step,) = run.get_steps()
    assert step.get_tags() == {"each": "step"}
    assert "arguments ['$HOME {{ ds }}', '7']" in step.get_stdout_log()
    assert [found.id for found in PipelineRun.get_pipeline_runs(workspace, published.id)][-1] == run.id
    assert run.get_graph().steps == published.get_graph().steps
    assert told["RunUrl"] == run.get_portal_url()
    assert httpx.get(told["RunUrl"], trust_env=False).status_code == 200


def test_an_empty_body_runs_with_the_defaults(workspace: Workspace, published: PublishedPipeline, post: Post) -> None:
    told = post(published.endpoint).json()
    run = PipelineRun.get(workspace, told["Id"])
    assert (run.experiment.name, run._head()["parameters"]) == ("Trees-1", {})
    assert run.wait_for_completion(show_output=False) == "Finished"


def test_one_that_airflow_has_never_seen_is_loaded_for_the_first_request(
    publish: Callable[..., PublishedPipeline], post: Post
) -> None:
    new = publish("new")
    api = target_of(new.workspace._reference()).api
    dag_id = f"new-{new.id[:8]}"
    assert api.dag(dag_id) is None
    assert post(new.endpoint).status_code == 200
    dag = api.dag(dag_id)
    assert dag is not None and dag["dag_display_name"] == "new" and not dag["is_paused"]


@pytest.fixture(scope="module")
def endpoint(workspace: Workspace, publish: Callable[..., PublishedPipeline]) -> PipelineEndpoint:
    made = PipelineEndpoint.publish(workspace, "score & rate?", "d", publish("first"))
    made.add(publish("second"))
    return made


def test_one_whose_publisher_was_killed_before_it_was_served(
    publish: Callable[..., PublishedPipeline], post: Post
) -> None:
    made = publish("half")
    made.workspace._store().delete(f"dags/half-{made.id[:8]}.json")
    answer = post(made.endpoint)
    assert answer.status_code == 200
    run = PipelineRun.get(made.workspace, answer.json()["Id"])
    assert run.wait_for_completion(show_output=False) == "Finished"


class TestEndpoints:
    def test_by_id_by_name_and_by_version(self, endpoint: PipelineEndpoint, post: Post) -> None:
        first, second = (item.pipeline_id for item in endpoint.pipeline_version_list)
        assert post(endpoint.endpoint).json()["PipelineId"] == first
        assert post(f"{endpoint.endpoint}?pipelineVersion=1").json()["PipelineId"] == second
        # as notebooks take the address apart
        by_name = endpoint.endpoint.split("Id", 1)[0] + "Name?name=score%20%26%20rate%3F"
        told = post(by_name, {"ExperimentName": "e"}).json()
        assert (told["PipelineId"], told["PipelineEndpointId"]) == (first, endpoint.id)
        assert post(by_name + "&pipelineVersion=1").json()["PipelineId"] == second
        endpoint.set_default_version("1")
        assert post(by_name).json()["PipelineId"] == second

    def test_what_is_not_there(self, endpoint: PipelineEndpoint, post: Post) -> None:
        base = endpoint.endpoint.split("Id", 1)[0]
        for url in (
            f"{base}Id/nothing",
            f"{base}Name?name=nothing",
            f"{endpoint.endpoint}?pipelineVersion=7",
            f"{endpoint.endpoint}?pipelineVersion=-1",
        ):
            assert post(url).status_code == 404, url
        assert post(f"{base}Name").status_code == 400
        assert post(f"{base}Name?name=").status_code == 400

    def test_a_disabled_one(self, endpoint: PipelineEndpoint, post: Post) -> None:
        endpoint.disable()
        answer = post(endpoint.endpoint)
        assert answer.status_code == 409 and "disabled" in answer.json()["error"]["message"]
        endpoint.enable()
        assert post(endpoint.endpoint).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"ParameterAssignments": {"count": "many"}}, "'count' is given 'many'"),
        ({"ParameterAssignments": {"count": None}}, "ParameterAssignments.count"),
        ({"ParameterAssignments": {"count": [1]}}, "ParameterAssignments.count"),
        ({"ParameterAssignments": {"where": "x"}, "DataPathAssignments": {"where": {"DataStoreName": "x"}}}, "twice"),
        ({"DataPathAssignments": {"where": {"DataStoreName": "nowhere", "RelativePath": ""}}}, "'nowhere'"),
        ({"DataPathAssignments": {"where": {}}}, "DataStoreName"),
        ({"DataSetDefinitionValueAssignments": {"data": {"SavedDataSetReference": {"Id": "nothing"}}}}, "'nothing'"),
        ({"DataSetDefinitionValueAssignments": {"data": {"DataSetReference": {"Name": "nobody"}}}}, "'nobody'"),
        ({"DataSetDefinitionValueAssignments": {"data": {}}}, "needs one of"),
        ({"ParentRunId": "nobody"}, "'nobody'"),
        ({"ParentRunId": "../../../etc/passwd"}, "does not have"),
        ({"ExperimentName": "../x"}, "ExperimentName"),
        ({"ExperimentName": ""}, "ExperimentName"),
        ({"ExperimentName": "x" * 256}, "ExperimentName"),
        ({"Tags": {str(number): "x" for number in range(51)}}, "Tags"),
        ({"Tags": "x"}, "Tags"),
        ({"ContinueRunOnStepFailure": "yes"}, "ContinueRunOnStepFailure"),
    ],
)
def test_what_does_not_fit_is_said_and_starts_nothing(
    workspace: Workspace, published: PublishedPipeline, post: Post, body: Any, message: str
) -> None:
    before = pipeline_runs(workspace)
    answer = post(published.endpoint, body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "UserError" and message in error["message"]
    assert workspace._store().root not in answer.text
    assert pipeline_runs(workspace) == before


def test_parameters_that_the_pipeline_lacks_are_passed_over_and_named(
    workspace: Workspace, published: PublishedPipeline, post: Post
) -> None:
    answer = post(published.endpoint, {"ParameterAssignments": {"wrod": "x", "count": 3}})
    assert answer.status_code == 200
    assert answer.json()["Warnings"] == ["The pipeline has no parameter 'wrod'; its value was passed over."]
    assert PipelineRun.get(workspace, answer.json()["Id"])._head()["parameters"] == {"count": 3}


def test_a_disabled_pipeline_takes_no_runs(publish: Callable[..., PublishedPipeline], post: Post) -> None:
    made = publish("gone")
    assert post(made.endpoint).status_code == 200
    made.disable()
    answer = post(made.endpoint)
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "Conflict"
    # by Airflow's own way, too: there the run fails and says why
    target = target_of(made.workspace._reference())
    run_id = "11111111-2222-4333-8444-555555555555"
    target.trigger(f"gone-{made.id[:8]}", run_id, {})
    run = wait_until_known(made.workspace, run_id)
    assert run.wait_for_completion(show_output=False, raise_on_error=False) == "Failed"
    assert "is disabled: it takes no new runs" in run.get_details()["error"]["error"]["message"]
    made.enable()
    assert post(made.endpoint).status_code == 200


def wait_until_known(workspace: Workspace, run_id: str) -> PipelineRun:
    wait_for(lambda: workspace._store().read_json(f"runs/{run_id}.json"), "the run is known")
    return PipelineRun.get(workspace, run_id)


@pytest.mark.parametrize("many", [50, pytest.param(1000, marks=pytest.mark.components)])
def test_as_many_at_once_are_as_many_runs(
    publish: Callable[..., PublishedPipeline], header: dict[str, str], post: Post, many: int
) -> None:
    made = publish("busy")
    assert post(made.endpoint).status_code == 200
    dag_id = f"busy-{made.id[:8]}"
    target = target_of(made.workspace._reference())
    target.api._request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": True})  # they need not run
    answers: list[httpx.Response] = []
    together = threading.Barrier(many)
    client = httpx.Client(trust_env=False, timeout=300.0, limits=httpx.Limits(max_connections=None))

    def work(number: int) -> None:
        body = {"ParameterAssignments": {"count": number}}
        together.wait()
        answers.append(client.post(made.endpoint, json=body, headers=header))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert [answer.status_code for answer in answers] == [200] * many
    ids = {answer.json()["Id"] for answer in answers}
    assert len(ids) == many
    found = [run for page in range(0, many + 1, 100) for run in dag_runs(target, dag_id, page)]
    assert ids < {run["dag_run_id"] for run in found} and len(found) == many + 1
    assert sorted(run["conf"]["count"] for run in found if "count" in run["conf"]) == list(range(many))
    assert {run["triggering_user_name"] for run in found} == {"admin"}
    heads = made.workspace._run_store().heads(ids)
    assert len(heads) == many and all(head["pipeline_id"] == made.id for head in heads.values())
    target.api._request("DELETE", f"/api/v2/dags/{dag_id}")


def dag_runs(target: Any, dag_id: str, offset: int) -> list[dict[str, Any]]:
    """A hundred of a DAG's runs."""
    query = {"limit": 100, "offset": offset, "order_by": "id"}
    return list(target.api._request("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=query).json()["dag_runs"])


def test_every_way_of_logging_in_is_answered(header: dict[str, str], client: httpx.Client, published) -> None:
    for made in (
        InteractiveLoginAuthentication(tenant_id="t"),
        ServicePrincipalAuthentication("t", "id", "password"),
        MsiAuthentication(),
        AzureCliAuthentication(),
    ):
        url = f"{published.endpoint.split('/mlsteps/')[0]}/mlsteps/openapi.json"
        assert client.get(url, headers=made.get_authentication_header()).status_code == 200


SCRIPT_THAT_POSTS = """
import sys
import mlsteps.azureml
import httpx
from azureml.core import Workspace
from azureml.core.authentication import InteractiveLoginAuthentication
from azureml.pipeline.core import PublishedPipeline

workspace = Workspace("subscription-Id", "my Id group", "MyId.team")
published = PublishedPipeline.get(workspace, sys.argv[1])
header = InteractiveLoginAuthentication().get_authentication_header()
answer = httpx.post(published.endpoint, headers=header, json={"ExperimentName": "alone"}, trust_env=False, timeout=60)
print("run", answer.json()["Id"])
"""


def test_a_script_that_posts_and_ends_lets_its_run_finish(
    home: Path, tmp_path: Path, workspace: Workspace, published: PublishedPipeline, header: dict[str, str]
) -> None:
    script = tmp_path / "posts.py"
    script.write_text(SCRIPT_THAT_POSTS)
    command = [sys.executable, str(script), published.id]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run_id = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("run "))
    assert PipelineRun.get(workspace, run_id).get_status() == "Finished"
