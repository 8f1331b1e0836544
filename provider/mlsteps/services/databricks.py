"""``DatabricksStep``: a one-time run of Databricks' Jobs API, through the hook of Airflow's Databricks provider."""

from __future__ import annotations

import base64
import os
import tempfile
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.contracts.spec import StepSpec
from mlsteps.runner.stores import Stores
from mlsteps.services.databricks_request import request
from mlsteps.services.job import Job, State
from mlsteps.services.urls import spark_url
from mlsteps.services.values import Values
from mlsteps.storage import snapshots

if TYPE_CHECKING:
    from airflow.providers.databricks.hooks.databricks import DatabricksHook

_ENDED = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")
#: What one request to DBFS may hold, in bytes, before it is encoded.
_BLOCK = 512 << 10


class DatabricksJob(Job):
    """One run.

    :param hook: of the connection of the workspace; :param node: the step; :param spec: its attempt.
    """

    def __init__(self, hook: DatabricksHook, node: StepNode, spec: StepSpec, stores: Stores) -> None:
        self._hook = hook
        self._node = node
        self._spec = spec
        self._stores = stores
        self._values = Values(spec, lambda document, path: spark_url(document, path, "Databricks"))

    def start(self, key: str) -> str:
        """See :meth:`Job.start`: Databricks answers the same run for the same ``idempotency_token``."""
        if self._node.payload.get("permit_cluster_restart") and self._node.payload.get("existing_cluster_id"):
            self._have_cluster(str(self._node.payload["existing_cluster_id"]))
        body = request(self._node, self._values, self._script())
        return str(self._hook.submit_run({**body, "idempotency_token": key}))

    def look(self, job_id: str) -> State:
        """See :meth:`Job.look`."""
        run = self._hook.get_run(int(job_id))
        state = run["state"]
        life, result = state.get("life_cycle_state", ""), state.get("result_state", "")
        told = state.get("state_message", "")
        text = f"{life}{' ' + result if result else ''}: {run.get('run_page_url', '')}"
        if life not in _ENDED:
            return State(text)
        if result == "CANCELED":
            return State(text, ended=True, canceled=True)
        failed = result != "SUCCESS"
        return State(text, ended=True, error=f"Databricks: {result or life}. {told}".rstrip() if failed else "")

    def cancel(self, job_id: str) -> None:
        """See :meth:`Job.cancel`."""
        self._hook.cancel_run(int(job_id))

    def said(self, job_id: str) -> str:
        """The notebook's result, or the error with its trace."""
        tasks = self._hook.get_run_tasks(int(job_id))
        output = self._hook.get_run_output(tasks[0]["run_id"] if tasks else int(job_id))
        parts = [output.get("logs"), output.get("error_trace"), output.get("error")]
        parts.append((output.get("notebook_output") or {}).get("result"))
        return "\n".join(str(part) for part in parts if part)

    def _have_cluster(self, cluster_id: str) -> None:
        if not self._hook.get_cluster_state(cluster_id).is_running:
            self._hook.start_cluster({"cluster_id": cluster_id})

    def _script(self) -> str | None:
        """Bring the source to DBFS, where its digest names it; what is there already is not sent again."""
        if not self._node.script or not self._spec.snapshot:
            return None
        root = f"/azureml/mlsteps/{self._spec.snapshot}"
        if not self._is_there(f"{root}.complete"):
            with tempfile.TemporaryDirectory(prefix="mlsteps-") as folder:
                code = os.path.join(folder, "code")
                snapshots.unpack(self._spec.snapshot, self._stores.workspace, code)
                for parent, _, names in os.walk(code):
                    for name in names:
                        path = os.path.join(parent, name)
                        self._put(path, f"{root}/{os.path.relpath(path, code).replace(os.sep, '/')}")
            self._call("POST", "put", {"path": f"{root}.complete", "contents": "", "overwrite": True})
        return f"dbfs:{root}/{self._node.script}"

    def _is_there(self, path: str) -> bool:
        from requests import HTTPError

        try:
            self._hook._do_api_call(("GET", "2.0/dbfs/get-status"), {"path": path}, wrap_http_errors=False)
        except HTTPError as error:
            if error.response is not None and error.response.status_code == 404:
                return False
            raise
        return True

    def _put(self, local: str, path: str) -> None:
        handle = self._call("POST", "create", {"path": path, "overwrite": True})["handle"]
        with open(local, "rb") as file:
            while piece := file.read(_BLOCK):
                self._call("POST", "add-block", {"handle": handle, "data": base64.b64encode(piece).decode()})
        self._call("POST", "close", {"handle": handle})

    def _call(self, method: str, name: str, body: dict[str, Any]) -> Any:
        return self._hook._do_api_call((method, f"2.0/dbfs/{name}"), body)
