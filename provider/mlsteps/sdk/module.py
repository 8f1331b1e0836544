"""``Module`` and ``ModuleVersion``: step definitions that a workspace keeps under a name, in versions."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from mlsteps.errors import UnsupportedFeature


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

    @classmethod
    def _of(cls, workspace: Any, document: Mapping[str, Any]) -> Module:
        made = cls(workspace, document["id"], "", None, "", None, [])
        made._take(document)
        return made

    def _take(self, document: Mapping[str, Any]) -> None:
        from mlsteps.registry import modules

        self.name, self.description = document["name"], document["description"]
        self.status, self.default_version = document["status"], document["default_version"]
        found = modules.versions(self._workspace._store(), self.id)
        self._versions = [ModuleVersionDescriptor(item["version"], item["id"]) for item in found]

    @staticmethod
    def create(workspace: Any, name: str, description: str, _workflow_provider: Any = None) -> Module:
        """A new module without versions.

        :raises InvalidInput: (a ``ValueError``) when the name is taken.
        """
        from mlsteps.registry import modules

        return Module._of(workspace, modules.create(workspace._store(), name, description))

    @staticmethod
    def get(
        workspace: Any, module_id: str | None = None, name: str | None = None, _workflow_provider: Any = None
    ) -> Module:
        """The module of an id or a name.

        :raises UserErrorException: when there is none; names those there are.
        """
        from mlsteps.registry import modules

        return Module._of(workspace, modules.need(workspace._store(), module_id, name))

    @staticmethod
    def get_versions(workspace: Any, name: str, _workflow_provider: Any = None) -> List[ModuleVersionDescriptor]:
        """The versions of a module."""
        return Module.get(workspace, name=name).module_version_list()

    @staticmethod
    def process_source_directory(name: str, source_directory: Any, script_name: str) -> Any:
        """:raises UnsupportedFeature: always; part of the SDK's own workings."""
        raise UnsupportedFeature("Module.process_source_directory", "", "Module.publish_python_script")

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
        """:raises UnsupportedFeature: always; part of the SDK's own workings."""
        raise UnsupportedFeature("Module.module_def_builder", "", "Module.publish_python_script")

    def module_version_list(self) -> List[ModuleVersionDescriptor]:
        """All versions, oldest first."""
        self._refresh()
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
        """:raises UnsupportedFeature: always: it says where a module runs and not what."""
        raise UnsupportedFeature(
            "Module.publish", f"execution type {execution_type!r} names no script", "Module.publish_python_script"
        )

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
        """:raises UnsupportedFeature: always; jobs on that service are not started."""
        raise UnsupportedFeature(
            "Module.publish_azure_batch", "jobs on that service are not started", "Module.publish_python_script"
        )

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
        """A new version that runs a Python script of a folder, whose content is kept with it.

        :param inputs: and :param outputs: ``InputPortDef`` and ``OutputPortDef`` (or bindings).
        :param params: name to default value; scripts read them as ``AML_PARAMETER_<name>``.
        :param version: None for the next whole number; :param hash_paths: accepted; the whole folder counts.
        :param arguments: texts, numbers, ports of ``inputs`` and ``outputs``, and pipeline parameters.
        :raises InvalidInput: (a ``ValueError``) for a script that is not there, or a version that is.
        """
        from mlsteps.registry import modules
        from mlsteps.sdk.module_definition import python_script

        store = self._workspace._store()
        definition = python_script(
            store, script_name, source_directory, inputs, outputs, params, arguments, runconfig, category
        )
        made = modules.publish(store, self.id, {**definition, "description": description}, version, is_default)
        self._refresh()
        return ModuleVersion(self._workspace, made, made["version"], None)

    def resolve(self, version: str | None = None) -> ModuleVersion:
        """The version that a step gets: disabled ones do not count; then the one asked for, the default, the highest
        when all are numbers with dots, else the newest.

        :raises InvalidInput: when there is none.
        """
        from mlsteps.registry import modules

        found = modules.resolve(self._workspace._store(), self.id, version)
        return ModuleVersion(self._workspace, found, found["version"], None)

    def enable(self) -> None:
        """Let it be used again."""
        self._change(status="Active")

    def disable(self) -> None:
        """Let it be used no more."""
        self._change(status="Disabled")

    def deprecate(self) -> None:
        """Let it be used with a warning."""
        self._change(status="Deprecated")

    def get_default_version(self) -> str | None:
        """The default version."""
        return self.default_version

    def set_default_version(self, version_id: str) -> None:
        """Make a version the default.

        :param version_id: the version, or its id.
        :raises InvalidInput: (a ``ValueError``) when it is not there.
        """
        self._change(default_version=str(version_id).rpartition(":")[2])

    def get_default(self) -> ModuleVersion:
        """The default version as an object."""
        return self.resolve(self.default_version)

    def set_name(self, name: str) -> None:
        """Give it another name.

        :raises InvalidInput: (a ``ValueError``) when the name is taken.
        """
        self._change(name=name)

    def set_description(self, description: str) -> None:
        """Give it another description."""
        self._change(description=description)

    def _change(self, **changes: Any) -> None:
        from mlsteps.registry import modules

        self._take(modules.change(self._workspace._store(), self.id, **changes))

    def _refresh(self) -> None:
        from mlsteps.registry import modules

        self._take(modules.need(self._workspace._store(), self.id))


class ModuleVersion:
    """One version of a module (SDK docs: ``azureml.pipeline.core.ModuleVersion``)."""

    def __init__(self, workspace: Any, module_entity: Any, version: str, _module_version_provider: Any) -> None:
        self._workspace = workspace
        self._entity: Dict[str, Any] = dict(module_entity)
        self.version = version

    @property
    def module_id(self) -> str:
        """Id of its module."""
        return str(self._entity["module_id"])

    @property
    def module_version_id(self) -> str:
        """Its own id."""
        return str(self._entity["id"])

    @property
    def status(self) -> str:
        """``Active``, ``Deprecated`` or ``Disabled``."""
        return str(self._entity["status"])

    @property
    def description(self) -> str | None:
        """What it does."""
        return self._entity.get("description")

    @property
    def interface(self) -> Any:
        """Its ports and parameters: ``{"inputs": [...], "outputs": [...], "params": {name: default}}``."""
        return self._entity["interface"]

    @property
    def category(self) -> str | None:
        """Its category."""
        return self._entity.get("category")

    @property
    def runconfig(self) -> Any:
        """Its run configuration; None for the default one."""
        from mlsteps.sdk.module_definition import runconfig_of

        return runconfig_of(self._entity)

    @staticmethod
    def get(workspace: Any, module_version_id: str | None = None, _workflow_provider: Any = None) -> ModuleVersion:
        """The version of an id.

        :raises InvalidInput: (a ``ValueError``) when there is none.
        """
        from mlsteps.registry import modules

        found = modules.version_of_id(workspace._store(), str(module_version_id))
        return ModuleVersion(workspace, found, found["version"], None)

    def module(self, _workflow_provider: Any = None) -> Module:
        """Its module."""
        return Module.get(self._workspace, module_id=self.module_id)

    def set_description(self, description: str) -> None:
        """Give it another description."""
        self._change(description=description)

    def enable(self) -> None:
        """Let it be used again."""
        self._change(status="Active")

    def disable(self) -> None:
        """Let it be used no more."""
        self._change(status="Disabled")

    def deprecate(self) -> None:
        """Let it be used with a warning."""
        self._change(status="Deprecated")

    def _change(self, **changes: Any) -> None:
        from mlsteps.registry import modules

        self._entity = modules.change_version(self._workspace._store(), self.module_id, self.version, **changes)
