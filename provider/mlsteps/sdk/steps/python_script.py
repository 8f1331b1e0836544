"""``PythonScriptStep``: run a Python script."""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.script import ScriptStep, target_keyword


class PythonScriptStep(ScriptStep):
    """Run ``python <script_name> <arguments>`` from the root of the source directory's snapshot.

    Parameters as in the SDK (``azureml.pipeline.steps.PythonScriptStep``); ``name`` defaults to ``script_name``.
    ``target=``, which the SDK's documentation shows, is taken as ``compute_target`` with a warning.

    :raises InvalidInput: without a script, or for a run configuration that is none.
    """

    def __init__(
        self,
        script_name: str,
        name: str | None = None,
        arguments: Any = None,
        compute_target: Any = None,
        runconfig: Any = None,
        runconfig_pipeline_params: Mapping[str, Any] | None = None,
        inputs: Any = None,
        outputs: Any = None,
        params: Mapping[str, Any] | None = None,
        source_directory: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
        hash_paths: Any = None,
        **kwargs: Any,
    ) -> None:
        if not script_name:
            raise InvalidInput("A PythonScriptStep has no script_name", expected="a file below source_directory")
        if kwargs:
            compute_target = target_keyword("PythonScriptStep", compute_target, kwargs)
        super().__init__(
            script_name=str(script_name),
            name=name,
            arguments=arguments,
            compute_target=compute_target,
            runconfig=runconfig,
            runconfig_pipeline_params=runconfig_pipeline_params,
            inputs=inputs,
            outputs=outputs,
            params=params,
            source_directory=source_directory,
            allow_reuse=allow_reuse,
            version=version,
            hash_paths=hash_paths,
        )
