"""``SynapseSparkStep``: a Spark batch job of a Synapse pool, through the hook of Airflow's Azure provider.

Body: https://learn.microsoft.com/rest/api/synapse/data-plane/spark-batch/create-spark-batch-job
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.contracts.spec import StepSpec
from mlsteps.registry.documents import get_datastore
from mlsteps.runner.stores import Stores
from mlsteps.services.job import Job, State
from mlsteps.services.urls import spark_url
from mlsteps.services.values import Values
from mlsteps.storage import snapshots

if TYPE_CHECKING:
    from airflow.providers.microsoft.azure.hooks.synapse import AzureSynapseHook

_GOOD = "success"
_ENDED = (_GOOD, "dead", "killed", "error")
#: How many jobs of a pool are looked through for one that was started before.
_RECENT = 50


class SynapseJob(Job):
    """One batch job of a pool."""

    def __init__(self, hook: AzureSynapseHook, node: StepNode, spec: StepSpec, stores: Stores) -> None:
        self._hook = hook
        self._node = node
        self._spec = spec
        self._stores = stores
        self._values = Values(spec, _located)

    def start(self, key: str) -> str:
        """See :meth:`Job.start`. The service takes no token, so the key is part of the job's name."""
        from azure.synapse.spark.models import SparkBatchJobOptions

        name = f"{self._node.payload.get('app_name') or self._node.name}-{key[:16]}"
        known = self._known(name)
        if known is not None:
            return known
        fields = request(self._node, self._values, name, self._source())
        return str(self._hook.run_spark_job(SparkBatchJobOptions(**fields)).id)

    def look(self, job_id: str) -> State:
        """See :meth:`Job.look`."""
        job = self._batches.get_spark_batch_job(int(job_id), detailed=True)
        state = str(job.state).lower()
        if state not in _ENDED:
            return State(state)
        if state == "killed":
            return State(state, ended=True, canceled=True)
        told = "; ".join(str(error.message) for error in job.errors or ())
        return State(state, ended=True, error="" if state == _GOOD else f"Synapse: {state}. {told}".rstrip())

    def cancel(self, job_id: str) -> None:
        """See :meth:`Job.cancel`."""
        self._hook.cancel_job_run(int(job_id))

    def said(self, job_id: str) -> str:
        """The lines that the service keeps of the job."""
        return "\n".join(self._batches.get_spark_batch_job(int(job_id), detailed=True).log_lines or ())

    @property
    def _batches(self) -> Any:
        return self._hook.get_conn().spark_batch

    def _known(self, name: str) -> str | None:
        recent = self._batches.get_spark_batch_jobs(size=_RECENT).sessions or ()
        return next((str(job.id) for job in recent if job.name == name), None)

    def _source(self) -> str:
        """Bring the source to the default datastore, which the pool reads; its URL there."""
        document = get_datastore(self._stores.workspace)
        store = self._stores.any_datastore(document["name"])
        root = f"azureml/mlsteps/{self._spec.snapshot}"
        if store.entry(f"{root}.complete") is None:
            with tempfile.TemporaryDirectory(prefix="mlsteps-") as folder:
                code = os.path.join(folder, "code")
                snapshots.unpack(str(self._spec.snapshot), self._stores.workspace, code)
                for parent, _, names in os.walk(code):
                    for name in names:
                        path = os.path.join(parent, name)
                        store.put_file(path, f"{root}/{os.path.relpath(path, code).replace(os.sep, '/')}")
            store.write(f"{root}.complete", b"")
        return _located(document, root)


def request(node: StepNode, values: Values, name: str, source: str) -> dict[str, Any]:
    """The job's fields, as ``SparkBatchJobOptions`` takes them.

    :param source: URL of the folder with the step's source; paths below it are relative in the SDK.
    """
    payload = values.filled(node.payload)

    def below(path: str) -> str:
        return path if "://" in path else f"{source}/{path.lstrip('/')}"

    fields = {
        "name": name,
        "file": below(str(node.script)),
        "arguments": values.texts(node.arguments),
        "configuration": {str(key): str(value) for key, value in (payload.get("conf") or {}).items()},
        "python_files": [below(path) for path in payload.get("py_files") or ()],
        "jars": [below(path) for path in payload.get("jars") or ()],
        "files": [below(path) for path in payload.get("files") or ()],
        "driver_memory": payload["driver_memory"],
        "driver_cores": int(payload["driver_cores"]),
        "executor_memory": payload["executor_memory"],
        "executor_cores": int(payload["executor_cores"]),
        "executor_count": int(payload["num_executors"]),
    }
    return {key: value for key, value in fields.items() if value not in ([], {})}


def _located(document: Mapping[str, Any], path: str) -> str:
    """Synapse reads an account's blobs by its Data Lake address."""
    if document.get("type") == "AzureBlob":
        document = {**document, "type": "AzureDataLakeGen2"}
    return spark_url(document, path, "Synapse")
