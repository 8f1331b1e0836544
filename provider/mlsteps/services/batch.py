"""``AzureBatchStep``: one task on a pool, through the hook of Airflow's Azure provider.

Batch fetches files and stores them by signed addresses, which last as long as the longest task may.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.contracts.spec import StepSpec
from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.registry.documents import get_datastore
from mlsteps.runner.stores import Stores
from mlsteps.services.job import Job, State
from mlsteps.services.values import Values, place_of
from mlsteps.storage import snapshots
from mlsteps.storage.addresses import account_address

if TYPE_CHECKING:
    from airflow.providers.microsoft.azure.hooks.batch import AzureBatchHook

_TASK = "step"
_DAYS = 7


class BatchJob(Job):
    """A Batch job with one task in it.

    :param credentials: options of the datastores, by name: files are signed for with their keys.
    """

    def __init__(
        self, hook: AzureBatchHook, node: StepNode, spec: StepSpec, stores: Stores, credentials: Mapping[str, Any]
    ) -> None:
        self._hook = hook
        self._node = node
        self._spec = spec
        self._stores = stores
        self._signed = Signed(credentials)
        names = [port.name for port in spec.inputs] + [port.name for port in spec.outputs]
        self._folders = {name: short_name(name) for name in names}
        self._values = Values(spec, lambda document, path: path)

    def start(self, key: str) -> str:
        """See :meth:`Job.start`: the key is the job's id, and a job of that id is not made twice."""
        from azure.batch import models

        payload = self._values.filled(self._node.payload)
        if payload.get("create_pool"):
            raise UnsupportedFeature(
                f"AzureBatchStep(create_pool=True) (step {self._node.name!r})",
                "pools are made by who looks after the Batch account",
                "a pool that is there, or an AzureBatchOperator before the pipeline",
            )
        self._hook.create_job(self._hook.configure_job(key, str(payload["pool_id"])))
        task = self._hook.configure_task(
            _TASK,
            self._command(),
            resource_files=[models.ResourceFile(http_url=url, file_path=path) for url, path in self._files()],
            output_files=[self._output(item, models) for item in self._spec.outputs],
        )
        self._hook.add_single_task_to_job(key, task)
        return key

    def look(self, job_id: str) -> State:
        """See :meth:`Job.look`."""
        task = self._hook.connection.get_task(job_id, _TASK)
        state = str(getattr(task.state, "value", task.state)).lower()
        if state != "completed":
            return State(state)
        code = task.execution_info.exit_code
        failure = task.execution_info.failure_info
        ignored = not self._node.payload.get("is_positive_exit_code_failure", True) and (code or 0) > 0
        if failure is None or ignored:
            return State(f"completed with exit code {code}", ended=True)
        return State(state, ended=True, error=f"Azure Batch: exit code {code}. {failure.message or ''}".rstrip())

    def cancel(self, job_id: str) -> None:
        """See :meth:`Job.cancel`."""
        self._hook.connection.terminate_task(job_id, _TASK)

    def said(self, job_id: str) -> str:
        """The task's standard output and error; then the job goes, unless the step wants it kept."""
        parts = [self._file(job_id, name) for name in ("stdout.txt", "stderr.txt")]
        if self._node.payload.get("delete_batch_job_after_finish", True):
            self._hook.connection.begin_delete_job(job_id)
        return "\n".join(part for part in parts if part)

    def _file(self, job_id: str, name: str) -> str:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            pieces = self._hook.connection.download_task_file(job_id, _TASK, name)
            return b"".join(pieces).decode("utf-8", "replace").rstrip()
        except ResourceNotFoundError:
            return ""

    def _command(self) -> str:
        """The program with its arguments, each quoted as one word: Batch runs no shell of its own."""
        known = {"input": self._folders, "output": self._folders}
        words = [str(self._node.script)]
        for item in self._node.arguments:
            ((kind, name),) = item.items() if isinstance(item, Mapping) else (("", ""),)
            words.append(f"./{known[kind][name]}" if kind in known else self._values.texts([item])[0])
        return " ".join(_quoted(word) for word in words)

    def _files(self) -> Iterator[tuple[str, str]]:
        """Signed address of each file to fetch, and where the task finds it."""
        yield from self._source()
        for item in self._spec.inputs:
            place = place_of(item)
            document = self._spec.datastores[place["datastore"]]
            store, path = self._stores.datastore(place["datastore"]), place.get("path", "").strip("/")
            single = store.entry(path)
            found = [path] if single is not None else [entry.path for entry in store.tree(path)]
            for name in found:
                yield self._signed.blob(document, name), f"{self._folders[item.name]}/{os.path.basename(name)}"

    def _source(self) -> Iterator[tuple[str, str]]:
        if not self._spec.snapshot:
            return
        document = get_datastore(self._stores.workspace)
        store = self._stores.any_datastore(document["name"])
        with tempfile.TemporaryDirectory(prefix="mlsteps-") as folder:
            code = os.path.join(folder, "code")
            snapshots.unpack(self._spec.snapshot, self._stores.workspace, code)
            for parent, _, names in os.walk(code):
                for name in sorted(names):
                    relative = os.path.relpath(os.path.join(parent, name), code).replace(os.sep, "/")
                    path = f"azureml/mlsteps/{self._spec.snapshot}/{relative}"
                    store.put_file(os.path.join(parent, name), path)
                    yield self._signed.blob(document, path), relative

    def _output(self, item: Any, models: Any) -> Any:
        document = self._spec.datastores[item.datastore]
        container = models.OutputFileBlobContainerDestination(
            container_url=self._signed.container(document), path=item.path
        )
        return models.OutputFile(
            file_pattern=f"{self._folders[item.name]}/**/*",
            destination=models.OutputFileDestination(container=container),
            upload_options=models.OutputFileUploadConfiguration(upload_condition="tasksuccess"),
        )


class Signed:
    """Addresses in blob containers that carry the right to read, or to write."""

    def __init__(self, credentials: Mapping[str, Any]) -> None:
        self._credentials = credentials

    def blob(self, document: Mapping[str, Any], path: str) -> str:
        """Address of a blob to read."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        account, container, key = self._account(document)
        token = generate_blob_sas(
            account, container, path, account_key=key, permission=BlobSasPermissions(read=True), expiry=_until()
        )
        return f"{account_address(document, 'blob')}/{container}/{path}?{token}"

    def container(self, document: Mapping[str, Any]) -> str:
        """Address of a container to write."""
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        account, container, key = self._account(document)
        allowed = ContainerSasPermissions(read=True, write=True, create=True, list=True)
        token = generate_container_sas(account, container, account_key=key, permission=allowed, expiry=_until())
        return f"{account_address(document, 'blob')}/{container}?{token}"

    def _account(self, document: Mapping[str, Any]) -> tuple[str, str, str]:
        options = (self._credentials.get("datastores") or {}).get(document["name"]) or {}
        key = options.get("account_key")
        if document.get("type") != "AzureBlob" or not key:
            raise InvalidInput(
                f"Azure Batch cannot be given the files of datastore {document['name']!r}",
                expected="a blob container that is registered with its account's key",
            )
        return document["account_name"], document["container_name"], key


def short_name(name: str) -> str:
    """The folder of an input or output: Batch's own names end at 32 characters."""
    from hashlib import sha256

    return name if len(name) <= 32 else f"{name[:23]}-{sha256(name.encode()).hexdigest()[:8]}"


def _until() -> datetime:
    return datetime.now(UTC) + timedelta(days=_DAYS)


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
