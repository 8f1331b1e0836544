"""``PythonScriptOperator``: run a Python script as a step, in a DAG of one's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from mlsteps.operators.authored import AuthoredOperator

if TYPE_CHECKING:
    from mlsteps.sdk.steps.base import PipelineStep


class PythonScriptOperator(AuthoredOperator):
    """Run a script as the SDK's ``PythonScriptStep`` does, and reuse its outputs while nothing it depends on changes.

    ::

        clean = OutputFileDatasetConfig("clean").register_on_complete("clean_images")
        prepare = PythonScriptOperator(task_id="prepare", script_name="prepare.py", source_directory="steps/prepare",
                                       arguments=["--day", "{{ ds }}", "--out", clean])
        train = PythonScriptOperator(task_id="train", script_name="train.py", source_directory="steps/train",
                                     arguments=["--rate", "{{ params.rate }}", "--data", prepare.outputs["clean"]])

    :param script_name: path of the script below ``source_directory``. (templated)
    :param source_directory: folder with the step's code; all of it counts for reuse, less what ``.amlignore`` names.
        The current directory by default. (templated)
    :param arguments: list of texts, numbers, SDK objects, other operators' ``outputs[name]`` and XComArgs. (templated)
    :param inputs: data that the script reads without getting its path as an argument. (templated)
    :param outputs: ``PipelineData``, ``OutputFileDatasetConfig`` and the like that the script writes; output
        configurations among ``arguments`` need not be listed.
    :param parameters: the script sees them as ``AML_PARAMETER_<name>``; ``params`` of the SDK. (templated)
    :param environment_variables: more variables for the script. (templated)
    :param compute_target: name of a compute target. (templated)
    :param environment: an ``Environment``, or its document; lies over that of ``runconfig``.
    :param runconfig: a ``RunConfiguration``.
    :param allow_reuse: off: the script always runs, and its outputs are not reused.
    :param version: a tag that counts for reuse. (templated)
    :param workspace: a ``Workspace``, its reference, or its name; by default the one of ``mlsteps_conn_id``.
    :param mlsteps_conn_id: connection of type ``mlsteps``; without it, a local workspace on the worker.
    :param experiment_name: the DAG's id by default.
    """

    template_fields: Collection[str] = ("script_name", *AuthoredOperator.template_fields)

    def __init__(self, *, script_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.script_name = script_name

    def sdk_step(self) -> PipelineStep:
        """The SDK's step with the rendered values."""
        from mlsteps.sdk.steps.python_script import PythonScriptStep

        return PythonScriptStep(
            script_name=self.script_name,
            name=self.task_id,
            arguments=self.arguments,
            compute_target=self.compute_target,
            runconfig=self.run_configuration(),
            inputs=self.inputs,
            outputs=self.declared_outputs,
            params=self.parameters,
            source_directory=self.source_directory,
            allow_reuse=self.allow_reuse,
            version=self.version,
        )
