"""``RScriptStep``: run an R script (deprecated in the SDK)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.script import ScriptStep

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder


class RScriptStep(ScriptStep):
    """Run ``Rscript <script_name> <arguments>`` (SDK docs: ``azureml.pipeline.steps.RScriptStep``).

    ``environment.r`` of the run configuration says which R; ``cran_packages`` and the like are added to it.
    """

    node_type = "RScript"

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
        use_gpu: bool = False,
        custom_docker_image: str | None = None,
        cran_packages: Sequence[Any] | None = None,
        github_packages: Sequence[Any] | None = None,
        custom_url_packages: Sequence[str] | None = None,
        allow_reuse: bool = True,
        version: str | None = None,
    ) -> None:
        if not script_name:
            raise InvalidInput("An RScriptStep has no script_name")
        super().__init__(
            script_name=script_name,
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
        )
        self._r = {
            "use_gpu": use_gpu,
            "custom_docker_image": custom_docker_image,
            "cran_packages": cran_packages,
            "github_packages": github_packages,
            "custom_url_packages": custom_url_packages,
        }

    def _node(self, build: StepBuilder) -> StepNode:
        payload = {name: _plain(value) for name, value in self._r.items() if value}
        return self._script_node(build, payload=payload)


def _plain(value: Any) -> Any:
    """Packages given as objects (``RCranPackage``) as plain data."""
    if isinstance(value, (list, tuple)):
        return [item if isinstance(item, str) else dict(vars(item)) for item in value]
    return value
