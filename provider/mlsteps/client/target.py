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

#: Variables that hold the login for a workspace's ``airflow_url``.
TOKEN, USER, PASSWORD = "MLSTEPS_AIRFLOW_TOKEN", "MLSTEPS_AIRFLOW_USER", "MLSTEPS_AIRFLOW_PASSWORD"
#: Seconds for an Airflow to find a pipeline that was stored for it: its default is to look every 300.
FOUND_WITHIN = 360.0


class Target:
    """An Airflow, and how a stored pipeline becomes a DAG there."""

    def __init__(self, api: AirflowApi, own: Embedded | None) -> None:
        self.api = api
        self.embedded = own
        self.url = api.address.url

    def publish(self, dag_id: str, root: str, written: float) -> bool:
        """Have Airflow know the pipeline stored as ``pipelines/<dag_id>`` in a workspace.

        :param root: the workspace's root; :param written: when the graph was written, in seconds since the epoch.
        :returns: False when another workspace's pipeline has this id.
        :raises ExperimentExecutionException: when Airflow cannot load it or does not find it in time.
        """
        if self.embedded is not None:
            return self.embedded.sync(dag_id, root)
        self._wait_for(dag_id, root, written)
        return True

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a DAG run.

        :raises InvalidInput: when Airflow refuses the conf, with its reason.
        """
        (self.embedded or self.api).trigger(dag_id, run_id, conf)

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

    def _wait_for(self, dag_id: str, root: str, written: float) -> None:
        deadline, told = time.monotonic() + FOUND_WITHIN, False
        while True:
            dag = self.api.dag(dag_id)
            if dag is not None and _parsed(dag) >= written:
                if dag.get("is_paused"):
                    self.api.unpause(dag_id)
                return
            if dag is not None and not told:
                self.api.parse_soon(str(dag["file_token"]))
            if time.monotonic() > deadline:
                raise ExperimentExecutionException(
                    f"Airflow at {self.url} did not load the pipeline {dag_id!r} within {FOUND_WITHIN:g} s. It needs a "
                    f"DAG file that says: from mlsteps.translate import load_dags; load_dags(globals(), {root!r})"
                )
            if not told:
                print(f"Waiting for Airflow at {self.url} to load {dag_id!r} ...", flush=True)
                told = True
            time.sleep(2.0)


def target_of(reference: Mapping[str, Any]) -> Target:
    """The Airflow of a workspace; starts the embedded one when it is needed.

    :param reference: the workspace's (``Workspace._reference()``); its ``airflow_url`` comes from the connection of
        type ``mlsteps`` or from ``config.json``.
    """
    url = reference.get("airflow_url")
    if url:
        return _remote(str(url), reference.get("conn_id"))
    return _own(embedded())


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


def _parsed(dag: Mapping[str, Any]) -> float:
    from datetime import datetime

    text = dag.get("last_parsed_time")
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp() if text else 0.0
