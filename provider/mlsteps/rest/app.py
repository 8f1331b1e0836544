"""The FastAPI app: routes of the form that Azure's addresses have, so that code which takes them apart works."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from mlsteps import __version__
from mlsteps.client.airflow_api import PREFIX
from mlsteps.errors import StoreError, UserErrorException
from mlsteps.rest import access, errors, loading, models, places, runs
from mlsteps.rest.access import Caller
from mlsteps.rest.body import run_request

log = logging.getLogger(__name__)

_WORKSPACE = (
    "/v1.0/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
_REFERENCE = "#/components/schemas/{model}"
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": models.ErrorAnswer, "description": "The body, or a value in it, does not fit."},
    401: {"model": models.ErrorAnswer, "description": "No token that counts."},
    403: {"model": models.ErrorAnswer, "description": "The user may see the pipeline but start no run of it."},
    404: {"model": models.ErrorAnswer, "description": "There is none, or none that the user may see."},
    409: {"model": models.ErrorAnswer, "description": "It is disabled."},
    413: {"model": models.ErrorAnswer, "description": f"The body has more than {models.LARGEST} bytes."},
    415: {"model": models.ErrorAnswer, "description": "The body is no application/json."},
    503: {"model": models.ErrorAnswer, "description": "Not yet, or not now; see Retry-After."},
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model="RunRequest")}}},
    }
}

Body = Annotated[models.RunRequest, Depends(run_request)]
Version = Annotated[
    str | None, Query(max_length=20, description="A version of the endpoint; its default when left out")
]


def app() -> FastAPI:
    """The app; Airflow mounts it below :data:`mlsteps.client.airflow_api.PREFIX`. It has no route without a user."""
    made = FastAPI(
        title="Published pipelines",
        description=__doc__,
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would be an answer to whoever asks
    )
    made.add_exception_handler(StarletteHTTPException, errors.on_http_error)
    made.add_exception_handler(RequestValidationError, errors.on_bad_request)
    starting: dict[str, Any] = {"responses": _ERRORS, "openapi_extra": _BODY, "tags": ["runs"]}
    made.post(f"{_WORKSPACE}/PipelineRuns/PipelineSubmit/{{pipeline_id}}", **starting)(submit_pipeline)
    made.post(f"{_WORKSPACE}/PipelineRuns/PipelineEndpointSubmit/Id/{{endpoint_id}}", **starting)(submit_endpoint)
    made.post(f"{_WORKSPACE}/PipelineRuns/PipelineEndpointSubmit/Name", **starting)(submit_endpoint_by_name)
    told: dict[int | str, dict[str, Any]] = {status: _ERRORS[status] for status in (401, 404)}
    made.post(f"{_WORKSPACE}/dags/{{dag_id}}/refresh", status_code=202, responses=told, tags=["dags"])(refresh)
    made.get("/openapi.json", responses={401: _ERRORS[401]}, tags=["description"])(description)
    return made


def submit_pipeline(
    subscription: str, group: str, workspace: str, pipeline_id: str, user: Caller, body: Body
) -> models.RunStarted:
    """Start a run of a published pipeline."""
    return _answered(lambda: runs.run(user, runs.pipeline(_places(subscription, group, workspace), pipeline_id), body))


def submit_endpoint(
    subscription: str,
    group: str,
    workspace: str,
    endpoint_id: str,
    user: Caller,
    body: Body,
    pipelineVersion: Version = None,
) -> models.RunStarted:
    """Start a run of a version of an endpoint."""
    return _answered(
        lambda: runs.run(
            user, runs.endpoint(_places(subscription, group, workspace), pipelineVersion, id=endpoint_id), body
        )
    )


def submit_endpoint_by_name(
    subscription: str,
    group: str,
    workspace: str,
    user: Caller,
    body: Body,
    name: Annotated[str, Query(min_length=1, max_length=255, description="The endpoint's name")],
    pipelineVersion: Version = None,
) -> models.RunStarted:
    """Start a run of a version of an endpoint, found by its name."""
    return _answered(
        lambda: runs.run(user, runs.endpoint(_places(subscription, group, workspace), pipelineVersion, name=name), body)
    )


def refresh(subscription: str, group: str, workspace: str, dag_id: str, user: Caller) -> models.RefreshAsked:
    """Have the workspace's DAG bundle looked at now: a DAG in it is new or has changed."""
    access.may_parse(user, dag_id)

    def asked() -> models.RefreshAsked:
        for place in _places(subscription, group, workspace):
            if place.bundle is not None:
                loading.ask(place.bundle, dag_id)
                return models.RefreshAsked(Bundle=place.bundle)
        raise errors.not_found()

    return _answered(asked)


def description(request: Request, user: Caller) -> JSONResponse:
    """The OpenAPI description of these routes."""
    return JSONResponse(openapi(request.app, request.scope.get("root_path") or PREFIX))


def openapi(made: FastAPI, root_path: str = PREFIX) -> dict[str, Any]:
    """The description; bodies are read by hand, so their schemas are added here."""
    document = get_openapi(
        title=made.title,
        version=made.version,
        description=made.description,
        routes=made.routes,
        servers=[{"url": root_path}],
    )
    schema = models.RunRequest.model_json_schema(ref_template=_REFERENCE)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}), RunRequest=schema)
    return document


def _places(subscription: str, group: str, workspace: str) -> list[places.Place]:
    return list(places.find(subscription, group, workspace))


T = TypeVar("T")


def _answered(work: Callable[[], T]) -> T:
    """What ``work`` answers; whatever else goes wrong is in the server's log, and the answer says no more than that."""
    try:
        return work()
    except StarletteHTTPException:
        raise
    except UserErrorException:
        raise errors.not_found() from None  # an id or name that there cannot be
    except StoreError:
        log.exception("A workspace's store does not answer")
        raise errors.later("The workspace's store does not answer.", 10) from None
    except Exception:
        log.exception("A request could not be answered")
        raise errors.Refused(500, "The server could not do this; its log says why.") from None
