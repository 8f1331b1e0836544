"""Whether Airflow knows a pipeline's DAG yet, and how it comes to: without waiting for the end of an interval."""

from __future__ import annotations

import threading
import time

from airflow.models.dag import DagModel
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from mlsteps.bundles.folder import loader_name
from mlsteps.bundles.versions import shard_of
from mlsteps.client.embedded import unheld
from mlsteps.errors import AzureMLException
from mlsteps.rest.errors import later
from mlsteps.rest.places import Place, embedded_home

#: Seconds that a request waits for a DAG that was published just now.
PATIENCE = 30.0
#: Requests that wait at once: each holds a thread of the server.
_waiting = threading.BoundedSemaphore(4)


def ensure(place: Place, dag_id: str) -> None:
    """Return when Airflow knows the DAG.

    :raises Refused: 503 when it does not in time.
    """
    if _is_known(dag_id):
        return
    wait_a_bit = later("Airflow has not loaded this pipeline yet.", 10)
    if not _waiting.acquire(blocking=False):
        raise wait_a_bit
    try:
        home = embedded_home()
        if home is not None:
            _sync(dag_id, place.store.root)
        elif place.bundle is not None:
            ask(place.bundle, dag_id)
            _wait(dag_id)
    finally:
        _waiting.release()
    if not _is_known(dag_id):
        raise wait_a_bit


def ask(bundle: str, dag_id: str) -> None:
    """Have the DAG processor look at a bundle now, and read a DAG's file first."""
    file = loader_name(shard_of(dag_id))
    try:
        with create_session() as session:
            session.add(DagPriorityParsingRequest(bundle_name=bundle, relative_fileloc=file))
    except IntegrityError:
        return  # somebody has asked for the same already


def _is_known(dag_id: str) -> bool:
    with create_session() as session:
        known = select(DagModel.dag_id).where(DagModel.dag_id == dag_id, ~DagModel.is_stale)
        return session.scalar(known) is not None


def _wait(dag_id: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not _is_known(dag_id):
        time.sleep(0.5)


def _sync(dag_id: str, root: str) -> None:
    try:
        with unheld() as server:
            if server is not None:
                server.sync(dag_id, root)
    except AzureMLException as error:
        raise later("Airflow could not load this pipeline.", 10) from error
