"""The same by schemathesis, which knows nothing of us but the OpenAPI description: sound requests, unsound ones, lies
about who asks. What each answer must be, it takes from the description."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from mlsteps.contracts.graph import Parameter
from mlsteps.rest.app import app, openapi
from mlsteps.sdk.published import PublishedPipeline
from mlsteps.sdk.workspace import Workspace
from tests.rest.conftest import PARAMETERS, pipeline_runs

schemathesis = pytest.importorskip("schemathesis")
positive_data_acceptance = pytest.importorskip("schemathesis.specs.openapi.checks").positive_data_acceptance

pytestmark = [pytest.mark.airflow, pytest.mark.components]

#: Unsound data may be refused by any answer that the description has for it: 413, when what was made up is too long.
REFUSALS = {"checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}}}
SCHEMA = schemathesis.openapi.from_dict(openapi(app()), config=schemathesis.Config.from_dict(REFUSALS))
SOME = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def needy(publish: Callable[..., PublishedPipeline]) -> PublishedPipeline:
    """It needs a parameter of which no request knows the name."""
    return publish(
        "needy", (*PARAMETERS, Parameter("no request knows this name \u2603", "string", None, required=True))
    )


@SCHEMA.parametrize()
@SOME
def test_answers_are_as_described(
    case: schemathesis.Case, workspace: Workspace, needy: PublishedPipeline, header: dict[str, str]
) -> None:
    before = pipeline_runs(workspace)
    place, _, _ = needy.endpoint.partition("/PipelineRuns")
    if "workspace" in case.path_parameters:  # half of the requests get as far as to a pipeline
        names = dict(zip(("subscription", "group", "workspace"), NAMES, strict=True))
        case.path_parameters.update(names)
        if "pipeline_id" in case.path_parameters:
            case.path_parameters["pipeline_id"] = needy.id
    base = f"{place.partition('/v1.0/')[0]}"
    answer = case.call(base_url=base, headers=header, timeout=60)
    if answer.status_code == 404 and answer.json() == {"detail": "Not Found"}:
        return  # Airflow's own: the path does not lead to us
    # A value that has the right form need not fit: this pipeline refuses them all.
    case.validate_response(answer, headers=header, excluded_checks=[positive_data_acceptance])
    assert "Traceback" not in answer.text and "site-packages" not in answer.text
    assert pipeline_runs(workspace) == before


NAMES = ("subscription-Id", "my Id group", "MyId.team")
