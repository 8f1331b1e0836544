"""Single machines, Kubernetes and AKS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping

from mlsteps.errors import ComputeTargetException, UnsupportedFeature
from mlsteps.sdk.compute import ComputeTarget
from mlsteps.sdk.compute_configuration import (
    ComputeTargetAttachConfiguration,
    ComputeTargetProvisioningConfiguration,
    ComputeTargetUpdateConfiguration,
)

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

_VM_SIZE = "STANDARD_NC6"


class ComputeInstanceProvisioningConfiguration(ComputeTargetProvisioningConfiguration):
    """What ``ComputeInstance.provisioning_configuration`` gives."""

    def __init__(
        self,
        vm_size: str = "",
        ssh_public_access: bool = False,
        admin_user_ssh_public_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        assigned_user_object_id: str | None = None,
        assigned_user_tenant_id: str | None = None,
    ) -> None:
        given = dict(locals())
        super().__init__(ComputeInstance, None)
        self._keep(given)
        self.vm_size = vm_size or _VM_SIZE


class ComputeInstanceStatus:
    """A compute instance's state."""

    def __init__(
        self,
        creation_time: Any,
        created_by_user_name: str | None,
        created_by_user_id: str | None,
        created_by_user_org: str | None,
        errors: Any,
        modified_time: Any,
        state: str,
        vm_size: str,
    ) -> None:
        self.creation_time = creation_time
        self.created_by_user_name = created_by_user_name
        self.created_by_user_id = created_by_user_id
        self.created_by_user_org = created_by_user_org
        self.errors = errors
        self.modified_time = modified_time
        self.state = state
        self.vm_size = vm_size

    def serialize(self) -> Dict[str, Any]:
        """As JSON data, under the SDK's keys."""
        return _camel(vars(self))

    @staticmethod
    def deserialize(object_dict: Mapping[str, Any]) -> ComputeInstanceStatus:
        """What :meth:`serialize` described."""
        return ComputeInstanceStatus(**_snake(object_dict))


class ComputeInstance(ComputeTarget):
    """One machine."""

    _TYPE = "ComputeInstance"

    @classmethod
    def get_docs_url(cls) -> str:
        """The SDK's page about compute instances."""
        return "https://docs.microsoft.com/azure/machine-learning/concept-compute-instance"

    @staticmethod
    def provisioning_configuration(
        vm_size: str = "",
        ssh_public_access: bool = False,
        admin_user_ssh_public_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        assigned_user_object_id: str | None = None,
        assigned_user_tenant_id: str | None = None,
    ) -> ComputeInstanceProvisioningConfiguration:
        """What ``ComputeTarget.create`` takes."""
        return ComputeInstanceProvisioningConfiguration(**locals())

    def get_status(self) -> ComputeInstanceStatus:
        """The state, which is always ``Running``."""
        size = str(self._settings().get("vm_size", _VM_SIZE))
        return ComputeInstanceStatus(self.created_on, None, None, None, None, self.modified_on, "Running", size)

    def wait_for_completion(self, show_output: bool = False, is_delete_operation: bool = False) -> None:
        """Nothing to wait for; prints what the SDK prints at the end."""
        super().wait_for_completion(show_output, is_delete_operation)

    def delete(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Forget it."""
        super().delete()

    def start(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Nothing to start."""

    def stop(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Nothing to stop."""

    def restart(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Nothing to restart."""

    def update_sso_settings(self, value: bool) -> None:
        """Nothing to log in to."""

    def get_active_runs(
        self, type: str | None = None, tags: Any = None, properties: Any = None, status: str | None = None
    ) -> Iterator[Any]:
        """Runs on this target that are queued or running."""
        from mlsteps.sdk.run import Run

        return Run.list_by_compute(self, type, tags, properties, status)

    @staticmethod
    def supported_vmsizes(workspace: Workspace, location: str | None = None) -> List[Dict[str, Any]]:
        """:raises UnsupportedFeature: always."""
        raise UnsupportedFeature("ComputeInstance.supported_vmsizes", "only Azure knows", "any size's name")


class DsvmProvisioningConfiguration(ComputeTargetProvisioningConfiguration):
    """What ``DsvmCompute.provisioning_configuration`` gives."""

    def __init__(self, vm_size: str | None = "", ssh_port: int | None = None, location: str | None = None) -> None:
        super().__init__(DsvmCompute, location)
        self.vm_size = vm_size
        self.ssh_port = ssh_port


class DsvmCompute(ComputeTarget):
    """A Data Science Virtual Machine."""

    _TYPE = "DSVM"

    @staticmethod
    def provisioning_configuration(
        vm_size: str | None = None, ssh_port: int | None = None, location: str | None = None
    ) -> DsvmProvisioningConfiguration:
        """What ``ComputeTarget.create`` takes."""
        return DsvmProvisioningConfiguration(vm_size, ssh_port, location)


class KubernetesComputeAttachConfiguration(ComputeTargetAttachConfiguration):
    """What ``KubernetesCompute.attach_configuration`` gives."""

    def __init__(
        self,
        resource_id: str | None = None,
        namespace: str | None = None,
        identity_type: str | None = None,
        identity_ids: Any = None,
    ) -> None:
        given = dict(locals())
        super().__init__(KubernetesCompute)
        self._keep(given)

    def to_dict(self) -> Dict[str, Any]:
        """As JSON data."""
        return self._settings()


class KubernetesComputeStatus:
    """The state of an attached Kubernetes cluster."""

    def __init__(self, creation_time: Any, modified_time: Any, provisioning_state: str) -> None:
        self.creation_time = creation_time
        self.modified_time = modified_time
        self.provisioning_state = provisioning_state

    def serialize(self) -> Dict[str, Any]:
        """As JSON data, under the SDK's keys."""
        return _camel(vars(self))

    @staticmethod
    def deserialize(object_dict: Mapping[str, Any]) -> KubernetesComputeStatus:
        """What :meth:`serialize` described."""
        return KubernetesComputeStatus(**_snake(object_dict))


class KubernetesCompute(ComputeTarget):
    """A Kubernetes cluster; steps run as pods of ``namespace``, by Airflow's Kubernetes connection."""

    _TYPE = "Kubernetes"

    @staticmethod
    def attach_configuration(
        resource_id: str | None = None,
        namespace: str | None = None,
        identity_type: str | None = None,
        identity_ids: Any = None,
    ) -> KubernetesComputeAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return KubernetesComputeAttachConfiguration(resource_id, namespace, identity_type, identity_ids)

    def get_status(self) -> KubernetesComputeStatus:
        """The state: ``Succeeded`` once it is known."""
        return KubernetesComputeStatus(self.created_on, self.modified_on, self.provisioning_state)


class _SslMixin:
    # Not kept: they hold a key. There to be read, as in the SDK.
    ssl_cert_pem_file: str | None = None
    ssl_key_pem_file: str | None = None

    def enable_ssl(
        self,
        ssl_cname: str | None = None,
        ssl_cert_pem_file: str | None = None,
        ssl_key_pem_file: str | None = None,
        leaf_domain_label: str | None = None,
        overwrite_existing_domain: bool = False,
    ) -> None:
        """Take note; mlsteps serves nothing."""
        self.ssl_cname = ssl_cname
        self.leaf_domain_label = leaf_domain_label
        self.overwrite_existing_domain = overwrite_existing_domain


class AksAttachConfiguration(_SslMixin, ComputeTargetAttachConfiguration):
    """What ``AksCompute.attach_configuration`` gives."""

    def __init__(
        self,
        resource_group: str | None = None,
        cluster_name: str | None = None,
        resource_id: str | None = None,
        cluster_purpose: str | None = None,
        load_balancer_type: str | None = None,
        load_balancer_subnet: str | None = None,
    ) -> None:
        given = dict(locals())
        super().__init__(AksCompute)
        self._keep(given)

    def validate_configuration(self) -> None:
        """:raises ComputeTargetException: when it names no cluster."""
        self._one_of(("resource_group", "cluster_name"), "resource_id")


class AksProvisioningConfiguration(_SslMixin, ComputeTargetProvisioningConfiguration):
    """What ``AksCompute.provisioning_configuration`` gives."""

    def __init__(
        self,
        agent_count: int | None,
        vm_size: str | None,
        ssl_cname: str | None,
        ssl_cert_pem_file: str | None,
        ssl_key_pem_file: str | None,
        location: str | None,
        vnet_resourcegroup_name: str | None,
        vnet_name: str | None,
        subnet_name: str | None,
        service_cidr: str | None,
        dns_service_ip: str | None,
        docker_bridge_cidr: str | None,
        cluster_purpose: str | None,
        load_balancer_type: str | None,
        load_balancer_subnet: str | None,
    ) -> None:
        given = dict(locals())
        super().__init__(AksCompute, location)
        self._keep(given)

    def validate_configuration(self) -> None:
        """:raises ComputeTargetException: for a number of agents below 1."""
        agents = getattr(self, "agent_count", None)
        if agents is not None and agents < 1:
            raise ComputeTargetException(f"agent_count is {agents!r}. Expected 1 or more.")


class AksUpdateConfiguration(ComputeTargetUpdateConfiguration):
    """What ``AksCompute.update`` takes."""

    def __init__(
        self,
        ssl_configuration: Any = None,
        load_balancer_type: str | None = None,
        load_balancer_subnet: str | None = None,
    ) -> None:
        given = dict(locals())
        super().__init__(AksCompute)
        self._keep(given)


class AksCompute(ComputeTarget):
    """An AKS cluster, which in the SDK serves models."""

    _TYPE = "AKS"

    @staticmethod
    def provisioning_configuration(
        agent_count: int | None = None,
        vm_size: str | None = None,
        ssl_cname: str | None = None,
        ssl_cert_pem_file: str | None = None,
        ssl_key_pem_file: str | None = None,
        location: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        service_cidr: str | None = None,
        dns_service_ip: str | None = None,
        docker_bridge_cidr: str | None = None,
        cluster_purpose: str | None = None,
        load_balancer_type: str | None = None,
        load_balancer_subnet: str | None = None,
    ) -> AksProvisioningConfiguration:
        """What ``ComputeTarget.create`` takes."""
        return AksProvisioningConfiguration(**locals())

    @staticmethod
    def attach_configuration(
        resource_group: str | None = None,
        cluster_name: str | None = None,
        resource_id: str | None = None,
        cluster_purpose: str | None = None,
        load_balancer_type: str | None = None,
        load_balancer_subnet: str | None = None,
    ) -> AksAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return AksAttachConfiguration(**locals())

    @staticmethod
    def attach(workspace: Workspace, name: str, resource_id: str) -> Any:  # type: ignore[override]
        """Deprecated by the SDK; ``ComputeTarget.attach``."""
        return ComputeTarget.attach(workspace, name, AksCompute.attach_configuration(resource_id=resource_id))

    def update(self, update_configuration: AksUpdateConfiguration) -> None:
        """Change the settings that are given."""
        self._change(**update_configuration._settings())


def _camel(values: Mapping[str, Any]) -> Dict[str, Any]:
    from mlsteps.sdk.sections import camel

    return {camel(key): value for key, value in values.items()}


def _snake(values: Mapping[str, Any]) -> Dict[str, Any]:
    from mlsteps.sdk.sections import snake

    return {snake(key): value for key, value in values.items()}
