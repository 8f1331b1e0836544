"""Airflow's public REST API (``/api/v2``), as much of it as submitting and following needs."""

from __future__ import annotations

import time
from typing import Any, Iterator, Mapping, NamedTuple
from urllib.parse import quote

import httpx

from mlsteps.errors import AuthenticationException, ExperimentExecutionException, InvalidInput

#: Where the provider's own routes are, below Airflow's address.
PREFIX = "/mlsteps"
#: Seconds for one request; the first ones to an Airflow that is just starting wait until it is up.
TIMEOUT = 120.0
#: Seconds before a DAG run is asked for again that Airflow failed to start.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
#: States of a DAG run that will not change by themselves.
ENDED = ("success", "failed")


class Address(NamedTuple):
    """Where an Airflow is and how to log in: by ``token``, or by ``user`` and ``password``."""

    url: str
    user: str | None = None
    password: str | None = None
    token: str | None = None


class Versions(NamedTuple):
    """What runs in an Airflow."""

    airflow: str
    provider: str | None


class AirflowApi:
    """One Airflow. Safe for threads; logs in when first used and again when the token has run out."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._token = address.token
        # A proxy from the environment must not get requests to this machine.
        local = httpx.URL(address.url).host in ("127.0.0.1", "localhost", "::1")
        self._client = httpx.Client(base_url=address.url.rstrip("/"), timeout=TIMEOUT, trust_env=not local)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any], note: str | None = None) -> None:
        """Start a DAG run; an Airflow whose database is busy is asked again, as its id can be given once only.

        :raises InvalidInput: when Airflow refuses the conf, with its reason.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf), "note": note}
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        answer = self._request("POST", path, json=body)
        for pause in _PAUSES:
            if answer.status_code not in (500, 503):
                break
            time.sleep(pause)
            answer = self._request("POST", path, json=body)
            if answer.status_code == 409:
                return  # it was started all the same
        if answer.status_code in (400, 422):
            raise InvalidInput(f"Airflow does not start {dag_id!r}: {_reason(answer)}")
        _checked(answer)

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """The DAG, or None when Airflow does not know it."""
        answer = self._request("GET", f"/api/v2/dags/{dag_id}")
        return None if answer.status_code == 404 else dict(_checked(answer).json())

    def dag_text(self, dag_id: str) -> str:
        """What the DAG says of itself (``doc_md``); "" when Airflow does not know it."""
        answer = self._request("GET", f"/api/v2/dags/{dag_id}/details")
        return "" if answer.status_code == 404 else str(_checked(answer).json().get("doc_md") or "")

    def refresh(self, workspace: Mapping[str, Any], dag_id: str) -> None:
        """Have a workspace's DAG bundle looked at now and not at the end of its interval.

        :param workspace: its document. An Airflow that does not have our routes, or does not know the workspace, takes
            its time.
        """
        self._request("POST", f"{workspace_path(workspace)}/dags/{quote(dag_id, safe='')}/refresh")

    def import_errors(self) -> list[str]:
        """Why DAG files could not be loaded."""
        found = _checked(self._request("GET", "/api/v2/importErrors")).json()["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in found]

    def versions(self, provider: str) -> Versions:
        """The releases of Airflow and of a provider that run there; None for a provider that does not."""
        airflow = str(_checked(self._request("GET", "/api/v2/version")).json()["version"])
        found: list[dict[str, Any]] = []
        while True:
            query = {"limit": 100, "offset": len(found)}
            page = _checked(self._request("GET", "/api/v2/providers", params=query)).json()
            found += page["providers"]
            if not page["providers"] or len(found) >= page["total_entries"]:
                break
        known = {str(item["package_name"]): str(item["version"]) for item in found}
        return Versions(airflow, known.get(provider))

    def serves(self, workspace: Mapping[str, Any]) -> bool:
        """Whether a DAG bundle there names a workspace, as far as this login may know.

        :param workspace: its document.
        """
        # Asks for a DAG that there cannot be: the answer tells of the workspace alone.
        answer = self._request("POST", f"{workspace_path(workspace)}/dags/{'-' * 8}/refresh")
        return answer.is_success

    def put_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Make or replace a connection.

        :param connection: ``conn_type``, ``host``, ``login``, ``password``, ``schema``, ``port``; ``extra`` is a text.
        """
        empty = dict.fromkeys(("host", "login", "password", "schema", "port", "extra"))
        body = {"connection_id": conn_id, **empty, **connection}
        answer = self._request("POST", "/api/v2/connections", json=body)
        if answer.status_code == 409:
            answer = self._request("PATCH", f"/api/v2/connections/{quote(conn_id, safe='')}", json=body)
        _checked(answer)

    def has_pool(self, name: str) -> bool:
        """Whether there is a pool, as far as the login may know."""
        try:
            answer = self._request("GET", f"/api/v2/pools/{quote(name, safe='')}")
        except AuthenticationException:
            return True
        return answer.status_code != 404 and bool(_checked(answer))

    def make_pool(self, name: str, slots: int) -> bool:
        """Make a pool in which deferred tasks hold their slots, too; False when the login may not."""
        about = "Made for a compute target of mlsteps"
        body = {"name": name, "slots": slots, "description": about, "include_deferred": True}
        try:
            answer = self._request("POST", "/api/v2/pools", json=body)
        except AuthenticationException:
            return False
        return answer.status_code == 409 or bool(_checked(answer))

    def has_active_run(self, dag_id: str) -> bool:
        """Whether a run of the DAG is queued or running."""
        query = {"state": ["queued", "running"], "limit": 1}
        answer = self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=query)
        return answer.status_code != 404 and bool(_checked(answer).json()["dag_runs"])

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """``queued``, ``running``, ``success`` or ``failed``; None when there is no such run."""
        answer = self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        return None if answer.status_code == 404 else str(_checked(answer).json()["state"])

    def end_run(self, dag_id: str, run_id: str) -> None:
        """Set a run to failed: its running tasks are stopped, none starts any more."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        _checked(self._request("PATCH", path, json={"state": "failed"}))

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances (``task_id``, ``state``, ``try_number``, ``start_date``, ...)."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[dict[str, Any]] = []
        while True:
            page = _checked(self._request("GET", path, params={"limit": 100, "offset": len(found)})).json()
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def log_lines(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> Iterator[str]:
        """The lines of a task's log, as far as it is written."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        answer = self._request("GET", path, params={"full_content": True}, headers={"Accept": "application/json"})
        if answer.status_code == 404:
            return
        content = _checked(answer).json()["content"]
        for item in [content] if isinstance(content, str) else content:
            if isinstance(item, str):
                yield from item.splitlines()
            elif not str(item["event"]).startswith(("::group::", "::endgroup::")):
                yield str(item["event"])
                yield from _traceback(item)

    def token(self) -> str:
        """A token that Airflow accepts in ``Authorization: Bearer``; a new one when the last has run out.

        :raises AuthenticationException: when Airflow refuses the login.
        """
        self._request("GET", "/api/v2/dags?limit=1")  # logs in again when it has to
        return self._logged_in()

    def healthy(self) -> dict[str, str]:
        """Status of each component (``metadatabase``, ``scheduler``, ...) by name."""
        parts = _checked(self._client.get("/api/v2/monitor/health")).json()
        return {name: str((part or {}).get("status")) for name, part in parts.items()}

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {self._logged_in()}"}
        try:
            answer = self._answer(method, path, headers=headers, **options)
            if answer.status_code == 401 and self.address.token is None:
                self._token = None
                headers["Authorization"] = f"Bearer {self._logged_in()}"
                answer = self._answer(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise ExperimentExecutionException(f"Airflow at {self.address.url} does not answer: {error}") from error
        if answer.status_code in (401, 403):
            raise AuthenticationException(f"Airflow at {self.address.url} refuses the login: {_reason(answer)}")
        return answer

    def _answer(self, method: str, path: str, *, again: bool = False, **options: Any) -> httpx.Response:
        """One question; a reading one (or ``again``) that a busy Airflow left unanswered is asked once more."""
        try:
            return self._client.request(method, path, **options)
        except (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError):
            if method != "GET" and not again:
                raise
            return self._client.request(method, path, **options)

    def _logged_in(self) -> str:
        if self._token is None:
            login = {"username": self.address.user, "password": self.address.password}
            try:
                answer = self._answer("POST", "/auth/token", again=True, json=login)
            except httpx.HTTPError as error:
                raise ExperimentExecutionException(f"Airflow at {self.address.url} does not answer: {error}") from error
            if answer.status_code not in (200, 201):
                raise AuthenticationException(f"Airflow at {self.address.url} refuses the login: {_reason(answer)}")
            self._token = str(answer.json()["access_token"])
        return self._token


def workspace_path(workspace: Mapping[str, Any]) -> str:
    """Where our routes of a workspace are, below an Airflow's address; the form is that of Azure's addresses.

    Code in the wild cuts an endpoint's address at ``Id``, so nothing before that may hold it: it is encoded in names.

    :param workspace: ``{"name", "subscription_id", "resource_group"}``.
    """
    keys = ("subscription_id", "resource_group", "name")
    subscription, group, name = (quote(str(workspace[key]), safe="").replace("Id", "%49d") for key in keys)
    return (
        f"{PREFIX}/v1.0/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{name}"
    )


def _traceback(item: Mapping[str, Any]) -> Iterator[str]:
    for error in item.get("error_detail") or ():
        yield f"{error.get('exc_type')}: {error.get('exc_value')}"


def _reason(answer: httpx.Response) -> str:
    try:
        detail = answer.json().get("detail", answer.text)
    except ValueError:
        detail = answer.text
    return f"{detail} (HTTP {answer.status_code})"


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    raise ExperimentExecutionException(f"{answer.request.method} {answer.request.url.path}: {_reason(answer)}")
