"""Requests made from the OpenAPI description, and changed at random: every answer is one that the description names.

What the description's schemas refuse is refused; nothing is a server error; nothing starts a run, since the pipeline
that is asked for needs a parameter of which no request knows the name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlsteps.contracts.graph import Parameter
from mlsteps.rest.app import app, openapi
from mlsteps.sdk.published import PublishedPipeline
from mlsteps.sdk.workspace import Workspace
from tests.rest.conftest import PARAMETERS, pipeline_runs

pytestmark = pytest.mark.airflow

DESCRIPTION = openapi(app())
SCHEMAS = DESCRIPTION["components"]["schemas"]
MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
TEXT = st.text(max_size=20)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without references, at its top."""
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema takes."""
    schema = resolved(schema)
    if "anyOf" in schema:
        return st.one_of([fitting(item) for item in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        needed = {name: fitting(schema["properties"][name]) for name in schema.get("required", ())}
        rest = {name: fitting(item) for name, item in schema["properties"].items() if name not in needed}
        return st.fixed_dictionaries(needed, optional=rest)
    if kind == "object":
        names = st.sampled_from([item.name for item in PARAMETERS]) | st.text(min_size=1, max_size=10)
        return st.dictionaries(names, fitting(schema["additionalProperties"]), max_size=4)
    if kind == "string" and "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    if kind == "string":
        return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 50), 50))
    return {"boolean": st.booleans(), "integer": st.integers(), "number": st.floats(), "null": st.none()}[kind]


def nearly(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects of which some parts are as the schema says, and others anything."""
    parts = {name: fitting(item) | ANYTHING for name, item in resolved(schema)["properties"].items()}
    return st.fixed_dictionaries({}, optional={**parts, "Unknown": ANYTHING})


BODIES = nearly({"$ref": "#/components/schemas/RunRequest"}) | fitting(SCHEMAS["RunRequest"]) | ANYTHING


def is_described(method: str, template: str, answer: httpx.Response) -> None:
    """The answer's status is one of the description's, and its body has that status's form."""
    responses = DESCRIPTION["paths"][template][method]["responses"]
    assert str(answer.status_code) in responses, answer.text
    said = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**said, "components": {"schemas": SCHEMAS}})
    assert "Traceback" not in answer.text and "site-packages" not in answer.text


def as_sent(body: Any) -> bytes | None:
    """The body as bytes; None for what no client can send."""
    import json

    try:
        return json.dumps(body).encode()
    except (UnicodeEncodeError, ValueError):
        return None


@pytest.fixture(scope="module")
def needy(publish: Callable[..., PublishedPipeline]) -> PublishedPipeline:
    secret = Parameter("no request knows this name \u2603", "string", None, required=True)
    return publish("needy", (*PARAMETERS, secret))


@MANY
@given(body=BODIES)
def test_bodies(
    workspace: Workspace, needy: PublishedPipeline, client: httpx.Client, header: dict[str, str], body: Any
) -> None:
    sent = as_sent(body)
    if sent is None:
        return
    headers = {**header, "Content-Type": "application/json"}
    answer = client.post(needy.endpoint, headers=headers, content=sent)
    template = next(path for path in DESCRIPTION["paths"] if "PipelineSubmit" in path)
    is_described("post", template, answer)
    assert answer.status_code == 400
    named = "no request knows this name" in answer.json()["error"]["message"]
    fits = jsonschema.Draft202012Validator({**SCHEMAS["RunRequest"], "components": {"schemas": SCHEMAS}}).is_valid(body)
    assert fits or not named  # what the schema refuses does not get as far as to be looked at


@MANY
@given(data=st.data())
def test_paths_and_queries(client: httpx.Client, header: dict[str, str], data: st.DataObject) -> None:
    template = data.draw(st.sampled_from(sorted(DESCRIPTION["paths"])))
    ((method, said),) = DESCRIPTION["paths"][template].items()
    path, query = template, {}
    for parameter in said.get("parameters", ()):
        value = data.draw(st.text(min_size=1, max_size=30))
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(value, safe="", errors="replace"))
        elif data.draw(st.booleans()) or parameter.get("required"):
            query[parameter["name"]] = value.encode(errors="replace").decode()
    url = f"{client_base(header, client)}/mlsteps{path}"
    answer = client.request(method, url, params=query, headers=header, json={})
    if answer.status_code == 404 and answer.json() == {"detail": "Not Found"}:
        return  # Airflow's own: with a line break in it, say, the path does not lead to us
    is_described(method, template, answer)


_base: list[str] = []


def client_base(header: dict[str, str], client: httpx.Client) -> str:
    """The server's address."""
    if not _base:
        from mlsteps.client.embedded import embedded

        _base.append(embedded().address.url)
    return _base[0]


def test_none_of_all_this_has_started_a_run(workspace: Workspace, needy: PublishedPipeline) -> None:
    assert not any(
        (workspace._run_store().head(id) or {}).get("pipeline_id") == needy.id for id in pipeline_runs(workspace)
    )
