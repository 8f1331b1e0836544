"""Who may do what over REST, and what a request may be: nothing starts that was not allowed, nothing leaks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from mlsteps.client.home import airflow_home
from mlsteps.client.target import target_of
from mlsteps.rest.app import app, openapi
from mlsteps.rest.models import LARGEST
from mlsteps.sdk.published import PublishedPipeline
from mlsteps.sdk.workspace import Workspace
from tests.rest.conftest import pipeline_runs

pytestmark = pytest.mark.airflow
Post = Callable[..., httpx.Response]


@pytest.fixture
def no_run(workspace: Workspace, header: dict[str, str]) -> Iterator[None]:
    """The test starts no run."""
    before = pipeline_runs(workspace)
    yield
    assert pipeline_runs(workspace) == before


@pytest.fixture(scope="module")
def server(published: PublishedPipeline) -> str:
    return published.endpoint.split("/mlsteps/")[0]


def routes() -> list[tuple[str, str]]:
    """``(method, path)`` of every route, parameters filled in with words."""
    found = openapi(app())["paths"]
    return [(method, path.replace("{", "").replace("}", "")) for path, said in found.items() for method in said]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def said(answer: httpx.Response) -> str:
    """The error's message; every answer that is no success has one, and nothing of the server's inside."""
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"} and set(error) == {"code", "message"}
    for inside in ("Traceback", "site-packages", "/mlsteps/", str(airflow_home().folder.parent), 'File "'):
        assert inside not in answer.text
    return str(error["message"])


@pytest.mark.usefixtures("no_run")
class TestWho:
    def test_there_are_routes(self) -> None:
        assert len(routes()) == 5

    @pytest.mark.parametrize(("method", "path"), routes())
    def test_no_route_without_a_token(self, client: httpx.Client, server: str, method: str, path: str) -> None:
        answer = client.request(method, f"{server}/mlsteps{path}", json={})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        said(answer)

    @pytest.mark.parametrize(("method", "path"), routes())
    def test_no_route_with_a_wrong_token(
        self, client: httpx.Client, server: str, token_of: Callable[..., str], method: str, path: str
    ) -> None:
        tokens = [
            "x",
            "mlsteps-local",
            token_of(secret="of another server" * 8),
            token_of(exp=int(time.time()) - 3600),
            token_of(aud="another"),
            token_of(nbf=int(time.time()) + 3600),
        ]
        for token in tokens:
            answer = client.request(method, f"{server}/mlsteps{path}", headers=bearer(token), json={})
            assert answer.status_code == 401, token
            said(answer)

    def test_a_body_is_not_looked_at_before_the_token(self, client: httpx.Client, published) -> None:
        answer = client.post(published.endpoint, content=b"x" * (LARGEST + 1))
        assert answer.status_code == 401

    def test_a_viewer_may_see_and_start_nothing(
        self, client: httpx.Client, published: PublishedPipeline, post: Post, token_of: Callable[..., str]
    ) -> None:
        viewer = bearer(token_of(role="viewer", sub="viewer"))
        answer = client.post(published.endpoint, headers=viewer, json={})
        assert answer.status_code == 403 and "may not start" in said(answer)
        base = published.endpoint.split("/PipelineRuns")[0]
        answer = client.post(f"{base}/dags/any/refresh", headers=viewer)
        assert answer.status_code == 404
        said(answer)

    def test_what_a_user_may_not_see_is_as_if_it_were_not(
        self, client: httpx.Client, published: PublishedPipeline, token_of: Callable[..., str]
    ) -> None:
        nobody = bearer(token_of(role=None, sub="nobody"))
        answer = client.post(published.endpoint, headers=nobody, json={})
        nothing = client.post(published.endpoint[:-1] + "x", headers=nobody, json={})
        assert (answer.status_code, answer.json()) == (nothing.status_code, nothing.json()) == (404, nothing.json())

    def test_a_disabled_pipeline_is_no_news_for_who_may_not_see_it(
        self, client: httpx.Client, publish: Callable[..., PublishedPipeline], token_of: Callable[..., str]
    ) -> None:
        made = publish("hidden")
        made.disable()
        answer = client.post(made.endpoint, headers=bearer(token_of(role=None)), json={})
        assert answer.status_code == 404


def test_another_teams_pipeline(
    client: httpx.Client, published: PublishedPipeline, post: Post, token_of: Callable[..., str]
) -> None:
    """The DAG's bundle belongs to a team, as Airflow has it with several teams."""
    assert post(published.endpoint).status_code == 200
    database = sqlite3.connect(airflow_home().database, timeout=30)
    try:
        with database:
            database.execute("insert into team (name) values ('theirs')")
            database.execute(
                "insert into dag_bundle_team (dag_bundle_name, team_name) values ('dags-folder', 'theirs')"
            )
        for teams, status in ((["theirs"], 200), (["ours"], 404), ([], 404)):
            user = bearer(token_of(role="user", sub="someone", teams=teams))
            assert client.post(published.endpoint, headers=user, json={}).status_code == status, teams
    finally:
        with database:
            database.execute("delete from dag_bundle_team")
            database.execute("delete from team")
        database.close()


@pytest.mark.usefixtures("no_run")
class TestWhat:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b'"x"',
            b"null",
            b"\xff\xfe",
            b'{"a": NaN}',
            b'{"ParameterAssignments": {"count": Infinity}}',
            b'{"ParameterAssignments": {"count": 1e999}}',
            b'{"ParameterAssignments": {"count": ' + b"9" * 5000 + b"}}",
            b'{"ParameterAssignments": {"count": 99999999999999999999}}',
            b'{"ParameterAssignments": {"word": "\\ud800"}}',
            b'{"ParameterAssignments": {"word": "a\\u0000b"}}',
            b'{"Tags": {"a\\u0000": "b"}}',
            b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"x": ' + b'{"x":' * 50 + b"1" + b"}" * 51,
        ],
    )
    def test_malformed_bodies(self, published: PublishedPipeline, post: Post, body: bytes) -> None:
        answer = post(published.endpoint, body)
        assert answer.status_code == 400
        assert len(said(answer)) < 300

    def test_bodies_that_are_too_large(self, published: PublishedPipeline, post: Post) -> None:
        large = b'{"x": "' + b"x" * LARGEST + b'"}'
        assert post(published.endpoint, large).status_code == 413

    def test_a_body_that_does_not_say_its_length(
        self, client: httpx.Client, published: PublishedPipeline, header: dict[str, str]
    ) -> None:
        def parts() -> Iterator[bytes]:
            for _ in range(64):
                yield b" " * 65536

        headers = {**header, "Content-Type": "application/json"}
        answer = client.post(published.endpoint, headers=headers, content=parts())
        assert answer.status_code == 413
        assert said(answer) == f"The body has more than {LARGEST} bytes."

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
    def test_other_types_of_body(self, published: PublishedPipeline, post: Post, kind: str) -> None:
        # Browsers send such requests to other sites without asking.
        answer = post(published.endpoint, b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415
        said(answer)

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    def test_other_methods(self, client: httpx.Client, published, header: dict[str, str], method: str) -> None:
        assert client.request(method, published.endpoint, headers=header).status_code == 405

    @pytest.mark.parametrize(
        "id",
        [
            "..",
            "../..",
            "..%2f..%2fworkspace",
            "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "%00",
            "a%00b",
            "%ff",
            "%ed%a0%80",
            "x" * 3000,
            "%F0%9F%92%A9",
            "~",
            "*",
            "{}",
            "published%2F..%2Fworkspace.json",
            "' or 1=1 --",
        ],
    )
    def test_path_tricks_in_names(self, published: PublishedPipeline, post: Post, id: str) -> None:
        base = published.endpoint.split("/PipelineRuns")[0]
        place = base.rpartition("/")[0]
        for url in (
            f"{base}/PipelineRuns/PipelineSubmit/{id}",
            f"{base}/PipelineRuns/PipelineEndpointSubmit/Id/{id}",
            f"{base}/PipelineRuns/PipelineEndpointSubmit/Name?name={quote(id, safe='%')[:255]}",
            f"{place}/{id}/PipelineRuns/PipelineSubmit/{published.id}",
            f"{base.replace('subscription-', id + '-')}/PipelineRuns/PipelineSubmit/{published.id}",
        ):
            answer = post(url)
            assert answer.status_code in (400, 404, 405), url
            assert "error" in answer.json() or answer.status_code != 400, url

    def test_a_workspace_that_is_not_there_is_not_made(self, home: Path, published, post: Post) -> None:
        before = sorted(home.joinpath("workspaces").iterdir())
        url = published.endpoint.replace("My%49d.team", "brand-new")
        assert url != published.endpoint and post(url).status_code == 404
        assert sorted(home.joinpath("workspaces").iterdir()) == before

    def test_names_must_all_be_those_of_the_workspace(self, published: PublishedPipeline, post: Post) -> None:
        for known in ("subscription-%49d", "my%20%49d%20group", "My%49d.team"):
            assert known in published.endpoint
            assert post(published.endpoint.replace(known, "another")).status_code == 404


class TestRefresh:
    def test_without_a_bundle_there_is_nothing_to_look_at(self, published: PublishedPipeline, post: Post) -> None:
        base = published.endpoint.split("/PipelineRuns")[0]
        assert post(f"{base}/dags/any/refresh").status_code == 404

    def test_clients_take_that_for_an_answer(self, workspace: Workspace, header: dict[str, str]) -> None:
        from mlsteps.registry.workspaces import workspace_document

        target_of(workspace._reference()).api.refresh(workspace_document(workspace._store()), "any")


def test_the_description_tells_every_route_and_body(client: httpx.Client, server: str, header: dict[str, str]) -> None:
    document = client.get(f"{server}/mlsteps/openapi.json", headers=header).json()
    assert document["openapi"].startswith("3.") and document["servers"] == [{"url": "/mlsteps"}]
    schemas = document["components"]["schemas"]
    assert "ExperimentName" in schemas["RunRequest"]["properties"] and "Id" in schemas["RunStarted"]["properties"]
    assert document["components"]["securitySchemes"]
    for path, said_of in document["paths"].items():
        for operation in said_of.values():
            assert operation["security"], path
            assert "401" in operation["responses"], path


def test_no_route_of_fastapi_itself_is_left(client: httpx.Client, server: str, header: dict[str, str]) -> None:
    for path in ("docs", "redoc", "docs/oauth2-redirect"):
        assert client.get(f"{server}/mlsteps/{path}", headers=header).status_code == 404
    known: Any = {route.path for route in app().routes}
    assert known == {*(path for path in openapi(app())["paths"])}
