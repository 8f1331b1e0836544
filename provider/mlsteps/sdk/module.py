"""``Module`` and ``ModuleVersion``: step definitions that a workspace keeps under a name, in versions."""

from __future__ import annotations

from typing import Any, List

from mlsteps.errors import UnsupportedFeature
from mlsteps.sdk.published import not_yet


class ModuleVersionDescriptor:
    """A version of a module and its id."""

    def __init__(self, version: str, module_version_id: str) -> None:
        self.version = version
        self.module_version_id = module_version_id


class Module:
    """A module (SDK docs: ``azureml.pipeline.core.Module``). Made by :meth:`create`."""

    def __init__(
        self,
        workspace: Any,
        module_id: str,
        name: str,
        description: str | None,
        status: str,
        default_version: str | None,
        module_version_list: List[ModuleVersionDescriptor],
        _module_provider: Any = None,
        _module_version_provider: Any = None,
    ) -> None:
        self._workspace = workspace
        self.id = module_id
        self.name = name
        self.description = description
        self.status = status
        self.default_version = default_version
        self._versions = list(module_version_list or [])

    @staticmethod
    def create(workspace: Any, name: str, description: str, _workflow_provider: Any = None) -> Module:
        """A new module without versions."""
        not_yet("Module.create", "modules.create")

    @staticmethod
    def get(
        workspace: Any, module_id: str | None = None, name: str | None = None, _workflow_provider: Any = None
    ) -> Module:
        """The module of an id or a name."""
        not_yet("Module.get", "modules.get")

    @staticmethod
    def get_versions(workspace: Any, name: str, _workflow_provider: Any = None) -> List[ModuleVersionDescriptor]:
        """The versions of a module."""
        not_yet("Module.get_versions", "modules.versions")

    @staticmethod
    def process_source_directory(name: str, source_directory: Any, script_name: str) -> Any:
        """Part of the SDK's own workings."""
        not_yet("Module.process_source_directory", "modules.publish")

    @staticmethod
    def module_def_builder(
        name: str,
        description: str,
        execution_type: str,
        input_bindings: Any,
        output_bindings: Any,
        param_defs: Any = None,
        create_sequencing_ports: bool = True,
        allow_reuse: bool = True,
        version: str | None = None,
        module_type: str | None = None,
        step_type: str | None = None,
        arguments: Any = None,
        runconfig: Any = None,
        cloud_settings: Any = None,
    ) -> Any:
        """Part of the SDK's own workings."""
        not_yet("Module.module_def_builder", "modules.publish")

    def module_version_list(self) -> List[ModuleVersionDescriptor]:
        """All versions."""
        return list(self._versions)

    def publish(
        self,
        description: str,
        execution_type: str,
        inputs: Any,
        outputs: Any,
        param_defs: Any = None,
        create_sequencing_ports: bool = True,
        version: str | None = None,
        is_default: bool = False,
        content_path: Any = None,
        hash_paths: Any = None,
        category: str | None = None,
        arguments: Any = None,
        runconfig: Any = None,
    ) -> ModuleVersion:
        """A new version."""
        not_yet("Module.publish", "modules.publish")

    def publish_adla_script(
        self,
        script_name: str,
        description: str,
        inputs: Any,
        outputs: Any,
        params: Any = None,
        create_sequencing_ports: bool = True,
        degree_of_parallelism: int | None = None,
        priority: int | None = None,
        runtime_version: str | None = None,
        compute_target: Any = None,
        version: str | None = None,
        is_default: bool = False,
        source_directory: Any = None,
        hash_paths: Any = None,
        category: str | None = None,
        arguments: Any = None,
    ) -> ModuleVersion:
        """:raises UnsupportedFeature: always; the service is retired."""
        raise UnsupportedFeature(
            "Module.publish_adla_script",
            "Azure retired Data Lake Analytics on 2024-02-29",
            "Module.publish_python_script",
        )

    def publish_azure_batch(
        self,
        description: str,
        compute_target: Any,
        inputs: Any,
        outputs: Any,
        params: Any = None,
        create_sequencing_ports: bool = True,
        version: str | None = None,
        is_default: bool = False,
        create_pool: bool = False,
        pool_id: str | None = None,
        delete_batch_job_after_finish: bool = False,
        delete_batch_pool_after_finish: bool = False,
        is_positive_exit_code_failure: bool = True,
        vm_image_urn: str = "urn:MicrosoftWindowsServer:WindowsServer:2012-R2-Datacenter",
        run_task_as_admin: bool = False,
        target_compute_nodes: int = 1,
        vm_size: str = "standard_d1_v2",
        executable: str | None = None,
        source_directory: Any = None,
        category: str | None = None,
        arguments: Any = None,
    ) -> ModuleVersion:
        """A new version that runs on Azure Batch."""
        not_yet("Module.publish_azure_batch", "modules.publish")

    def publish_python_script(
        self,
        script_name: str,
        description: str,
        inputs: Any,
        outputs: Any,
        params: Any = None,
        create_sequencing_ports: bool = True,
        version: str | None = None,
        is_default: bool = False,
        source_directory: Any = None,
        hash_paths: Any = None,
        category: str | None = None,
        arguments: Any = None,
        runconfig: Any = None,
    ) -> ModuleVersion:
        """A new version that runs a Python script."""
        not_yet("Module.publish_python_script", "modules.publish")

    def resolve(self, version: str | None = None) -> ModuleVersion:
        """The version that a step would get."""
        not_yet("Module.resolve", "modules.resolve")

    def enable(self) -> None:
        """Let it be used again."""
        not_yet("Module.enable", "modules.update")

    def disable(self) -> None:
        """Let it be used no more."""
        not_yet("Module.disable", "modules.update")

    def deprecate(self) -> None:
        """Let it be used with a warning."""
        not_yet("Module.deprecate", "modules.update")

    def get_default_version(self) -> str | None:
        """The default version."""
        return self.default_version

    def set_default_version(self, version_id: str) -> None:
        """Make a version the default."""
        not_yet("Module.set_default_version", "modules.update")

    def get_default(self) -> ModuleVersion:
        """The default version as an object."""
        return self.resolve(self.default_version)

    def set_name(self, name: str) -> None:
        """Give it another name."""
        not_yet("Module.set_name", "modules.update")

    def set_description(self, description: str) -> None:
        """Give it another description."""
        not_yet("Module.set_description", "modules.update")


class ModuleVersion:
    """One version of a module (SDK docs: ``azureml.pipeline.core.ModuleVersion``)."""

    def __init__(self, workspace: Any, module_entity: Any, version: str, _module_version_provider: Any) -> None:
        self._workspace = workspace
        self._entity = module_entity
        self.version = version

    @property
    def module_id(self) -> str:
        """Id of its module."""
        return str(self._entity.module_id)

    @property
    def module_version_id(self) -> str:
        """Its own id."""
        return str(self._entity.id)

    @property
    def status(self) -> str:
        """``Active``, ``Deprecated`` or ``Disabled``."""
        return str(self._entity.status)

    @property
    def description(self) -> str | None:
        """What it does."""
        return getattr(self._entity, "description", None)

    @property
    def interface(self) -> Any:
        """Its ports and parameters."""
        return getattr(self._entity, "interface", None)

    @property
    def category(self) -> str | None:
        """Its category."""
        return getattr(self._entity, "category", None)

    @property
    def runconfig(self) -> Any:
        """Its run configuration."""
        return getattr(self._entity, "runconfig", None)

    @staticmethod
    def get(workspace: Any, module_version_id: str | None = None, _workflow_provider: Any = None) -> ModuleVersion:
        """The version of an id."""
        not_yet("ModuleVersion.get", "modules.get_version")

    def module(self, _workflow_provider: Any = None) -> Module:
        """Its module."""
        return Module.get(self._workspace, module_id=self.module_id)

    def set_description(self, description: str) -> None:
        """Give it another description."""
        not_yet("ModuleVersion.set_description", "modules.update")

    def enable(self) -> None:
        """Let it be used again."""
        not_yet("ModuleVersion.enable", "modules.update")

    def disable(self) -> None:
        """Let it be used no more."""
        not_yet("ModuleVersion.disable", "modules.update")

    def deprecate(self) -> None:
        """Let it be used with a warning."""
        not_yet("ModuleVersion.deprecate", "modules.update")
