"""Which Airflow runs a workspace's pipelines: the one its connection names, else the embedded one."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any, Mapping
from urllib.parse import unquote, urlsplit

from mlsteps.client.airflow_api import Address, AirflowApi
from mlsteps.client.embedded import Embedded, connected, embedded
from mlsteps.errors import ExperimentExecutionException, UserErrorException
from mlsteps.registry import dags
from mlsteps.registry.workspaces import workspace_document
from mlsteps.storage.workspace_store import WorkspaceStore

#: Variables that hold the login for a workspace's ``airflow_url``.
TOKEN, USER, PASSWORD = "MLSTEPS_AIRFLOW_TOKEN", "MLSTEPS_AIRFLOW_USER", "MLSTEPS_AIRFLOW_PASSWORD"
#: Seconds for an Airflow to find a pipeline that was stored for it: its default is to look every 300.
FOUND_WITHIN = 360.0
#: Seconds between requests to look now.
ASK_EVERY = 10.0


class Target:
    """An Airflow, and how a stored pipeline becomes a DAG there."""

    def __init__(self, api: AirflowApi, own: Embedded | None) -> None:
        self.api = api
        self.embedded = own
        self.url = api.address.url

    @property
    def is_embedded(self) -> bool:
        """Whether this Airflow ends with the script that uses it."""
        return self.embedded is not None

    def publish(self, ws: WorkspaceStore, document: Mapping[str, Any]) -> bool:
        """Have Airflow know a DAG as a workspace serves it (:mod:`mlsteps.registry.dags`).

        :param document: its ``dag_id`` and ``graph``.
        :returns: False when the id is another workspace's, or another client has put another graph there.
        :raises ExperimentExecutionException: when Airflow cannot load it or does not find it in time.
        """
        dag_id = str(document["dag_id"])
        if self.embedded is not None:
            return self.embedded.sync(dag_id, ws.root)
        return self._wait_for(ws, dag_id, str(document["graph"]))

    def keeps_versions(self, dag_id: str) -> bool:
        """Whether runs of a DAG keep the version they began with: it comes from a bundle that has versions."""
        if self.embedded is not None:
            return False
        dag = self.api.dag(dag_id)
        return dag is not None and dag.get("bundle_version") is not None

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a DAG run.

        :raises InvalidInput: when Airflow refuses the conf, with its reason.
        """
        (self.embedded or self.api).trigger(dag_id, run_id, conf)

    def has_pool(self, name: str, slots: int | None) -> bool:
        """Whether there is a pool; one that is not is made when ``slots`` says how large, and the login may.

        The embedded Airflow makes those of a DAG when it loads it.
        """
        return (
            self.embedded is not None
            or self.api.has_pool(name)
            or (slots is not None and self.api.make_pool(name, slots))
        )

    def has_active_run(self, dag_id: str) -> bool:
        """Whether a run of the DAG is queued or running."""
        return (self.embedded or self.api).has_active_run(dag_id)

    def faults(self) -> list[str]:
        """What died in the embedded Airflow and was started again.

        :raises ExperimentExecutionException: when it has ended.
        """
        return [] if self.embedded is None else self.embedded.faults()

    def link(self, dag_id: str, run_id: str) -> str:
        """Address of a run's page."""
        return f"{self.url.rstrip('/')}/dags/{dag_id}/runs/{run_id}"

    def _wait_for(self, ws: WorkspaceStore, dag_id: str, graph: str) -> bool:
        deadline, ask_next = time.monotonic() + FOUND_WITHIN, 0.0
        while True:
            if graph in self.api.dag_text(dag_id):
                self._note_if_paused(dag_id)
                return True
            if (dags.get(ws, dag_id) or {}).get("graph") != graph:
                return False
            if time.monotonic() >= ask_next:
                if not ask_next:
                    print(f"Waiting for Airflow at {self.url} to load {dag_id!r} ...", flush=True)
                # Once may not do: Airflow writes a DAG at most every [core] min_serialized_dag_update_interval.
                self.api.refresh(workspace_document(ws), dag_id)
                ask_next = time.monotonic() + ASK_EVERY
            if time.monotonic() > deadline:
                raise ExperimentExecutionException(
                    f"Airflow at {self.url} did not load the pipeline {dag_id!r} within {FOUND_WITHIN:g} s. It needs "
                    f"the DAG bundle mlsteps.bundles.MlstepsDagBundle with the root {ws.root!r} among its "
                    "[dag_processor] dag_bundle_config_list (see docs/publishing.md)."
                )
            time.sleep(1.0)

    def _note_if_paused(self, dag_id: str) -> None:
        dag = self.api.dag(dag_id)
        if dag is not None and dag.get("is_paused"):
            print(f"{dag_id!r} is paused in Airflow at {self.url}: the run begins when it is unpaused.", flush=True)


def target_of(reference: Mapping[str, Any]) -> Target:
    """The Airflow of a workspace; starts the embedded one when it is needed.

    :param reference: the workspace's (``Workspace._reference()``); its ``airflow_url`` comes from the connection of
        type ``mlsteps`` or from ``config.json``.
    """
    global _last
    url = reference.get("airflow_url")
    _last = _remote(str(url), reference.get("conn_id")) if url else _own(embedded())
    return _last


_last: Target | None = None


def last_used() -> Target | None:
    """What :func:`target_of` has answered last; None when it is there no more, or was never asked."""
    if _last is None or _last.embedded is None:
        return _last
    running = connected()
    return None if running is None else _own(running)


def target_if_any(reference: Mapping[str, Any], is_embedded: bool) -> Target | None:
    """The Airflow of a run that was submitted earlier, perhaps by another process; None when it is not there.

    :param reference: the workspace's; :param is_embedded: whether the run was given to the embedded Airflow.
    """
    if is_embedded:
        running = connected()
        return None if running is None else _own(running)
    url = reference.get("airflow_url")
    return _remote(str(url), reference.get("conn_id")) if url else None


def _own(own: Embedded) -> Target:
    found = _targets.get(own.address)
    if found is None or found.embedded is not own:
        found = _targets[own.address] = Target(AirflowApi(own.address), own)
    return found


_targets: dict[Address, Target] = {}


def _remote(url: str, conn_id: str | None) -> Target:
    address = _address(url, conn_id)
    return _targets.setdefault(address, Target(AirflowApi(address), None))


def _address(url: str, conn_id: str | None) -> Address:
    if os.environ.get(TOKEN):
        return Address(url, token=os.environ[TOKEN])
    if os.environ.get(USER):
        return Address(url, os.environ[USER], os.environ.get(PASSWORD, ""))
    user, password = _login_of(conn_id)
    if not user and password:
        return Address(url, token=password)
    if not user:
        raise UserErrorException(
            f"There is no login for Airflow at {url}. Put user and password into the connection "
            f"{conn_id or 'mlsteps_default'!r}, or set {TOKEN}, or {USER} and {PASSWORD}."
        )
    return Address(url, user, password)


def _login_of(conn_id: str | None) -> tuple[str | None, str]:
    """User and password of a connection that lies in a variable, as JSON or as a URI."""
    text = os.environ.get("AIRFLOW_CONN_" + re.sub(r"\W", "_", (conn_id or "").upper()), "").strip()
    if text.startswith("{"):
        data = json.loads(text)
        return data.get("login"), data.get("password") or ""
    parts = urlsplit(text)
    return (unquote(parts.username) if parts.username else None), unquote(parts.password or "")
