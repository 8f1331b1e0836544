"""One embedded Airflow for all tests of this folder, published pipelines, and users that may do different things."""

from __future__ import annotations

import configparser
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from mlsteps.client import embedded
from mlsteps.client.home import airflow_home
from mlsteps.contracts.graph import Parameter, PipelineGraph, StepNode
from mlsteps.registry import pipelines
from mlsteps.sdk.authentication import InteractiveLoginAuthentication
from mlsteps.sdk.published import PublishedPipeline
from mlsteps.sdk.workspace import Workspace
from mlsteps.storage import snapshots

#: Writes down what it was started with.
SCRIPT = "import sys\nprint('arguments', sys.argv[1:])\n"
PARAMETERS = (
    Parameter("word", "string", "hi"),
    Parameter("count", "int", 3),
    Parameter("where", "datapath", {"datastore": "workspaceblobstore", "path": "in"}),
    Parameter("data", "dataset", {"registered": {"name": "iris", "version": "latest"}}),
)


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    before = os.environ.get("MLSTEPS_HOME")
    os.environ["MLSTEPS_HOME"] = str(tmp_path_factory.mktemp("home"))
    try:
        yield Path(os.environ["MLSTEPS_HOME"])
        if embedded._mine is not None:
            embedded._mine.leave()
    finally:
        embedded._mine = None
        os.environ.pop("MLSTEPS_HOME")
        if before is not None:
            os.environ["MLSTEPS_HOME"] = before


@pytest.fixture(scope="package")
def workspace(home: Path) -> Workspace:
    # "Id" in its names, where code in the wild cuts an endpoint's address.
    return Workspace("subscription-Id", "my Id group", "MyId.team")


@pytest.fixture(scope="package")
def publish(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., PublishedPipeline]:
    """Publishes a pipeline of one step, which runs anew only when its parameters are new."""
    source = tmp_path_factory.mktemp("source")
    (source / "step.py").write_text(SCRIPT)
    snapshot = snapshots.take(str(source), workspace._store()).digest
    environment = {"name": "here", "python": {"userManagedDependencies": True}}

    def make(name: str, parameters: tuple[Parameter, ...] = PARAMETERS, **more: Any) -> PublishedPipeline:
        plain = [item.name for item in parameters if item.type in ("string", "int")]
        step = StepNode(
            "one",
            "one",
            script="step.py",
            snapshot=snapshot,
            arguments=tuple({"parameter": item} for item in plain),
            environment="here",
        )
        graph = PipelineGraph((step,), workspace._reference(), parameters, {"here": environment})
        return PublishedPipeline._of(workspace, pipelines.publish(workspace._store(), graph, name=name, **more))

    return make


@pytest.fixture(scope="package")
def published(publish: Callable[..., PublishedPipeline]) -> PublishedPipeline:
    return publish("Trees / 1", version="2", description="d")


@pytest.fixture(scope="package")
def header(workspace: Workspace, published: PublishedPipeline) -> dict[str, str]:
    """Of the embedded Airflow's own user; the server answers when this is there."""
    return InteractiveLoginAuthentication().get_authentication_header()


@pytest.fixture(scope="package")
def token_of(header: Mapping[str, str]) -> Callable[..., str]:
    """Tokens as Airflow signs them, for users with less in them."""
    parser = configparser.RawConfigParser()
    parser.read(airflow_home().configuration)
    secret = parser.get("api_auth", "jwt_secret").replace("%%", "%")
    own = header["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(own, options={"verify_signature": False})
    headers = {key: value for key, value in jwt.get_unverified_header(own).items() if key not in ("alg", "typ")}

    def make(secret: str = secret, **changes: Any) -> str:
        return jwt.encode({**claims, **changes}, secret, algorithm="HS512", headers=headers)

    return make


@pytest.fixture(scope="package")
def client(header: Mapping[str, str]) -> Iterator[httpx.Client]:
    """Requests without a token of their own."""
    with httpx.Client(trust_env=False, timeout=60.0) as made:
        yield made


@pytest.fixture(scope="package")
def post(client: httpx.Client, header: Mapping[str, str]) -> Callable[..., httpx.Response]:
    """``POST`` with the embedded Airflow's own user."""

    def send(url: str, body: Any = None, **more: Any) -> httpx.Response:
        sent = {"content": body} if isinstance(body, bytes) else {"json": {} if body is None else body}
        headers = {**header, "Content-Type": "application/json", **more.pop("headers", {})}
        return client.post(url, headers=headers, **sent, **more)

    return send


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 180.0) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def pipeline_runs(workspace: Workspace) -> list[str]:
    """Ids of all pipeline runs; those of their steps come and go by themselves."""
    runs = workspace._run_store()
    heads = runs.heads(workspace._store().names("runs"))
    return sorted(id for id, head in heads.items() if head["type"] == "azureml.PipelineRun")
