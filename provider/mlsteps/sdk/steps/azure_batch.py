"""``AzureBatchStep``: run a program on a Batch pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.base import PipelineStep

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder


class AzureBatchStep(PipelineStep):
    """Run ``executable`` on Azure Batch (SDK docs: ``azureml.pipeline.steps.AzureBatchStep``).

    Each input file lies in ``./<input name>/``, outputs are collected from ``./<output name>/``.

    :raises InvalidInput: without ``pool_id``, ``executable`` or ``compute_target``.
    """

    node_type = "AzureBatch"

    def __init__(
        self,
        name: str,
        create_pool: bool = False,
        pool_id: str | None = None,
        delete_batch_job_after_finish: bool = True,
        delete_batch_pool_after_finish: bool = False,
        is_positive_exit_code_failure: bool = True,
        vm_image_urn: str = "urn:MicrosoftWindowsServer:WindowsServer:2012-R2-Datacenter",
        run_task_as_admin: bool = False,
        target_compute_nodes: int = 1,
        vm_size: str = "standard_d1_v2",
        source_directory: Any = None,
        executable: str | None = None,
        arguments: Any = None,
        inputs: Any = None,
        outputs: Any = None,
        allow_reuse: bool = True,
        compute_target: Any = None,
        version: str | None = None,
    ) -> None:
        needed = {"name": name, "pool_id": pool_id, "executable": executable, "compute_target": compute_target}
        missing = [key for key, value in needed.items() if not value]
        if missing:
            raise InvalidInput(f"AzureBatchStep {name!r} lacks {missing}")
        self._payload = {
            "create_pool": create_pool,
            "pool_id": pool_id,
            "delete_batch_job_after_finish": delete_batch_job_after_finish,
            "delete_batch_pool_after_finish": delete_batch_pool_after_finish,
            "is_positive_exit_code_failure": is_positive_exit_code_failure,
            "vm_image_urn": vm_image_urn,
            "run_task_as_admin": run_task_as_admin,
            "target_compute_nodes": target_compute_nodes,
            "vm_size": vm_size,
        }
        self._executable = executable
        self._source_directory = source_directory
        self._compute_target = compute_target
        self._allow_reuse = allow_reuse
        self._version = version
        super().__init__(name, inputs, outputs, arguments)

    def _node(self, build: StepBuilder) -> StepNode:
        directory = self._source_directory
        return build.node(
            type=self.node_type,
            script=self._executable,
            arguments=build.arguments(self._arguments),
            source_directory=build.source(directory, None) if directory else None,
            compute=build.compute(self._compute_target),
            allow_reuse=bool(self._allow_reuse),
            version=self._version,
            payload=build.values(self._payload, "payload"),
        )
