"""Starts a run for a request: finds what is asked for, asks whether the user may, checks, records, triggers."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

from mlsteps.client import parameters, start
from mlsteps.client.start import Source, Submission
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import AzureMLException, InvalidInput
from mlsteps.operators.links import run_address
from mlsteps.registry import dags, endpoints, pipelines
from mlsteps.rest import access, errors, loading, models, places
from mlsteps.rest.places import Place
from mlsteps.sdk.workspace import Workspace


class ThisAirflow:
    """The Airflow whose API server this is.

    :param user: in whose name runs are triggered.
    """

    def __init__(self, user: BaseUser) -> None:
        self._user = user
        self.is_embedded = places.embedded_home() is not None

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a DAG run, as Airflow's own route does.

        :raises InvalidInput: when Airflow refuses the conf, with its reason.
        """
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.sdk.exceptions import AirflowException
        from airflow.utils.types import DagRunTriggeredByType

        try:
            with _one_writer():
                trigger_dag(
                    dag_id,
                    run_id=run_id,
                    conf=dict(conf),
                    triggered_by=DagRunTriggeredByType.REST_API,
                    triggering_user_name=self._user.get_name(),
                )
        except (AirflowException, ValueError) as error:
            raise InvalidInput(f"Airflow does not start the run: {error}") from error

    def link(self, dag_id: str, run_id: str) -> str:
        """Address of a run's page."""
        return run_address(dag_id, run_id)

    def has_pool(self, name: str, slots: int | None) -> bool:
        """Whether there is a pool. None is made in the name of a user who may start runs."""
        from airflow.models.pool import Pool

        return Pool.get_pool(name) is not None


_lock = threading.Lock()


def _one_writer() -> Any:
    """SQLite has one writer; forty threads that wait for it in turn would give up after some seconds."""
    from contextlib import nullcontext

    from airflow import settings

    engine = settings.engine
    return _lock if engine is not None and engine.dialect.name == "sqlite" else nullcontext()


class Asked(NamedTuple):
    """What is asked for, once found.

    :param pipeline: document of the published pipeline; :param endpoint: of the endpoint that leads to it.
    """

    place: Place
    pipeline: Mapping[str, Any]
    endpoint: Mapping[str, Any] | None = None


def pipeline(found: list[Place], pipeline_id: str) -> Asked:
    """A published pipeline by id.

    :raises Refused: 404.
    """
    for place in found:
        document = pipelines.get(place.store, pipeline_id)
        if document is not None:
            return Asked(place, document)
    raise errors.not_found()


def endpoint(found: list[Place], version: str | None, *, id: str | None = None, name: str | None = None) -> Asked:
    """The pipeline of an endpoint, by its id or name.

    :raises Refused: 404, also for a version that is not there.
    """
    for place in found:
        document = endpoints.get(place.store, id, name)
        if document is not None:
            try:
                pipeline_id = endpoints.pipeline_id(document, version)
            except InvalidInput:
                raise errors.not_found() from None
            return Asked(place, pipelines.need(place.store, pipeline_id), document)
    raise errors.not_found()


def run(user: BaseUser, asked: Asked, request: models.RunRequest) -> models.RunStarted:
    """Start a run.

    :raises Refused: whatever is in the way.
    """
    place, dag_id = asked.place, str(asked.pipeline["dag_id"])
    access.may_trigger(user, dag_id)
    for document, check in ((asked.endpoint, endpoints.check_active), (asked.pipeline, pipelines.check_active)):
        if document is not None and document["status"] != pipelines.ACTIVE:
            raise errors.Refused(409, _disabled(document, check))
    try:
        workspace = Workspace._from_reference(place.reference)
        submission = _submission(place, asked, request)
        start.check(workspace, submission)
        pipelines.serve(place.store, asked.pipeline)
        loading.ensure(place, dag_id)
        access.may_trigger(user, dag_id)  # whose team it is, Airflow knows only now
        run_id = str(uuid.uuid4())
        airflow = ThisAirflow(user)
        start.start(workspace, submission, run_id, dag_id, str(asked.pipeline["graph"]), airflow)
    except AzureMLException as error:
        raise errors.refused(error, place.store.root, str(place.document["name"])) from error
    return models.RunStarted(
        Id=run_id,
        RunUrl=airflow.link(dag_id, run_id),
        ExperimentName=submission.experiment,
        PipelineId=str(asked.pipeline["id"]),
        PipelineEndpointId=submission.source.endpoint_id,
        GraphId=str(asked.pipeline["graph"]),
        Description=request.Description,
        Warnings=_passed_over(submission.graph, request),
    )


def _disabled(document: Mapping[str, Any], check: Any) -> str:
    try:
        check(document)
    except AzureMLException as error:
        return str(error)
    return ""


def _submission(place: Place, asked: Asked, request: models.RunRequest) -> Submission:
    graph = pipelines.graph_of(place.store, dict(asked.pipeline))
    source = Source(graph, pipeline=asked.pipeline, endpoint_id=asked.endpoint["id"] if asked.endpoint else None)
    try:
        given = models.plain(request)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    known = {item.name for item in graph.parameters}
    go_on = request.ContinueRunOnStepFailure
    return Submission(
        request.ExperimentName or dags.experiment_name(str((asked.endpoint or asked.pipeline)["name"])),
        source,
        parameters.assignments(graph.parameters, {name: value for name, value in given.items() if name in known}),
        tags=start.texts("Tags", request.Tags),
        continue_on_step_failure=bool(asked.pipeline.get("continue_on_step_failure") if go_on is None else go_on),
        parent_run_id=request.ParentRunId,
        display_name=request.DisplayName,
        description=request.Description,
        step_tags=start.texts("StepTags", request.StepTags),
        run_source=request.RunSource or "REST",
    )


def _passed_over(graph: PipelineGraph, request: models.RunRequest) -> list[str]:
    """As with Azure's service, callers may send parameters that the pipeline does not have; here they hear of it."""
    known = {item.name for item in graph.parameters}
    unknown = sorted(set(models.plain(request)) - known)
    return [f"The pipeline has no parameter {name!r}; its value was passed over." for name in unknown]
