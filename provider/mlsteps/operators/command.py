"""``CommandOperator``: run any command as a step, in a DAG of one's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from mlsteps.operators.authored import AuthoredOperator

if TYPE_CHECKING:
    from mlsteps.sdk.steps.base import PipelineStep


class CommandOperator(AuthoredOperator):
    """Run a command as the SDK's ``CommandStep`` does, and reuse its outputs while nothing it depends on changes.

    :param command: one text for a shell, or a list of arguments that no shell sees. (templated)
    :param kwargs: as for :class:`.python_script.PythonScriptOperator`, less ``script_name`` and ``arguments``.
    """

    template_fields: Collection[str] = (
        "command",
        *(name for name in AuthoredOperator.template_fields if name != "arguments"),
    )

    def __init__(self, *, command: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.command = command

    def data_arguments(self) -> list[Any]:
        """Where data objects may stand on the command line."""
        return list(self.command) if isinstance(self.command, (list, tuple)) else []

    def sdk_step(self) -> PipelineStep:
        """The SDK's step with the rendered values."""
        from mlsteps.sdk.steps.command import CommandStep

        return CommandStep(
            command=self.command,
            name=self.task_id,
            compute_target=self.compute_target,
            runconfig=self.run_configuration(),
            inputs=self.inputs,
            outputs=self.declared_outputs,
            params=self.parameters,
            source_directory=self.source_directory,
            allow_reuse=self.allow_reuse,
            version=self.version,
        )
