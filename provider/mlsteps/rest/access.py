"""Who asks, and what Airflow's auth manager lets them do with a DAG."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials

from mlsteps.rest.errors import Refused, not_found


async def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> BaseUser:
    """The user of a request, by Airflow's token in the header, or the cookie of its UI.

    :raises Refused: 401 without a token that counts.
    """
    try:
        return await get_user(request, None, credentials)
    except HTTPException as error:
        # Airflow says 403 of a token that it cannot read; whoever sends it is not known, and so not forbidden anything.
        raise Refused(401, str(error.detail), {"WWW-Authenticate": "Bearer"}) from None


Caller = Annotated[BaseUser, Depends(caller)]


def may_trigger(user: BaseUser, dag_id: str) -> None:
    """Whether the user may start a run of a DAG, as for Airflow's own trigger.

    :raises Refused: 404 when they may not even see it, else 403.
    """
    if not _allows(user, dag_id, "GET", None):
        raise not_found()
    if not _allows(user, dag_id, "POST", DagAccessEntity.RUN):
        raise Refused(403, "You may not start runs of this pipeline.")


def may_parse(user: BaseUser, dag_id: str) -> None:
    """Whether the user may have a DAG's file read, as for Airflow's own route.

    :raises Refused: 404 when they may not.
    """
    if not _allows(user, dag_id, "PUT", None):
        raise not_found()


def _allows(user: BaseUser, dag_id: str, method: ResourceMethod, entity: DagAccessEntity | None) -> bool:
    # Not `DagModel.get_team_name`: that remembers that a DAG which is only coming belongs to nobody.
    details = DagDetails(id=dag_id, team_name=DagModel.get_dag_id_to_team_name_mapping([dag_id]).get(dag_id))
    return get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user)
