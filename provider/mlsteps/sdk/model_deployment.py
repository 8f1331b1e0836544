"""What the SDK's ``Model`` does to deploy; mlsteps deploys nothing and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsteps.errors import UnsupportedFeature

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

_REASON = "mlsteps deploys nothing"
_INSTEAD = "the registered model's files with a server"


class ModelDeployment:
    """The refused part of ``Model``; every method raises ``UnsupportedFeature``."""

    @staticmethod
    def deploy(
        workspace: Workspace,
        name: str,
        models: Any,
        inference_config: Any = None,
        deployment_config: Any = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        show_output: bool = False,
    ) -> Any:
        """:raises UnsupportedFeature: always."""
        raise UnsupportedFeature("Model.deploy", _REASON, _INSTEAD)

    @staticmethod
    def package(
        workspace: Workspace,
        models: Any,
        inference_config: Any = None,
        generate_dockerfile: bool = False,
        image_name: str | None = None,
        image_label: str | None = None,
    ) -> Any:
        """:raises UnsupportedFeature: always."""
        raise UnsupportedFeature("Model.package", _REASON, _INSTEAD)

    @staticmethod
    def print_configuration(models: Any, inference_config: Any, deployment_config: Any, deployment_target: Any) -> None:
        """:raises UnsupportedFeature: always."""
        raise UnsupportedFeature("Model.print_configuration", _REASON, _INSTEAD)

    @staticmethod
    def profile(
        workspace: Workspace,
        profile_name: str,
        models: Any,
        inference_config: Any,
        input_dataset: Any,
        cpu: float | None = None,
        memory_in_gb: float | None = None,
        description: str | None = None,
    ) -> Any:
        """:raises UnsupportedFeature: always."""
        raise UnsupportedFeature("Model.profile", _REASON, _INSTEAD)
