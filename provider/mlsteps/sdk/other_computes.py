"""Compute targets other than clusters. They are names with settings; what runs on them decides what they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, TypeVar

from mlsteps.errors import ComputeTargetException
from mlsteps.sdk.compute import ComputeTarget, not_empty
from mlsteps.sdk.compute_configuration import (
    ComputeTargetAttachConfiguration,
    ComputeTargetProvisioningConfiguration,
    key_text,
)
from mlsteps.sdk.machine_computes import AksCompute, ComputeInstance, DsvmCompute, KubernetesCompute

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

__all__ = [
    "AdlaCompute",
    "AksCompute",
    "BatchCompute",
    "ComputeInstance",
    "DataFactoryCompute",
    "DatabricksCompute",
    "DsvmCompute",
    "HDInsightCompute",
    "KubernetesCompute",
    "KustoCompute",
    "RemoteCompute",
    "SynapseCompute",
]

C = TypeVar("C", bound=ComputeTargetAttachConfiguration)


class AccountAttachConfiguration(ComputeTargetAttachConfiguration):
    """An account of a service: by resource group and name, or by resource id."""

    def __init__(
        self, resource_group: str | None = None, account_name: str | None = None, resource_id: str | None = None
    ) -> None:
        super().__init__(self._TYPE)
        self.resource_group = resource_group
        self.account_name = account_name
        self.resource_id = resource_id

    def validate_configuration(self) -> None:
        """:raises ComputeTargetException: when it names no account."""
        self._one_of(("resource_group", "account_name"), "resource_id")


class DataLakeAnalyticsAttachConfiguration(AccountAttachConfiguration):
    """What ``AdlaCompute.attach_configuration`` gives."""

    _TYPE = "DataLakeAnalytics"


class AdlaCompute(ComputeTarget):
    """Azure Data Lake Analytics, which Azure has retired."""

    _TYPE = "DataLakeAnalytics"

    @staticmethod
    def attach_configuration(
        resource_group: str | None = None, account_name: str | None = None, resource_id: str | None = None
    ) -> DataLakeAnalyticsAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return _valid(DataLakeAnalyticsAttachConfiguration(resource_group, account_name, resource_id))

    @staticmethod
    def attach(workspace: Workspace, name: str, resource_id: str) -> Any:  # type: ignore[override]
        """Deprecated by the SDK; ``ComputeTarget.attach``."""
        return ComputeTarget.attach(workspace, name, AdlaCompute.attach_configuration(resource_id=resource_id))


class BatchAttachConfiguration(AccountAttachConfiguration):
    """What ``BatchCompute.attach_configuration`` gives."""

    _TYPE = "Batch"


class BatchCompute(ComputeTarget):
    """Azure Batch."""

    _TYPE = "Batch"

    @staticmethod
    def attach_configuration(
        resource_group: str | None = None, account_name: str | None = None, resource_id: str | None = None
    ) -> BatchAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return _valid(BatchAttachConfiguration(resource_group, account_name, resource_id))


class DataFactoryAttachConfiguration(ComputeTargetAttachConfiguration):
    """What ``DataFactoryCompute.attach_configuration`` gives."""

    def __init__(
        self, resource_group: str | None = None, factory_name: str | None = None, resource_id: str | None = None
    ) -> None:
        super().__init__(DataFactoryCompute)
        self.resource_group = resource_group
        self.factory_name = factory_name
        self.resource_id = resource_id

    def validate_configuration(self) -> None:
        """:raises ComputeTargetException: when it names no factory."""
        self._one_of(("resource_group", "factory_name"), "resource_id")


class DataFactoryProvisioningConfiguration(ComputeTargetProvisioningConfiguration):
    """What ``DataFactoryCompute.provisioning_configuration`` gives."""

    def __init__(self, location: str | None) -> None:
        super().__init__(DataFactoryCompute, location)


class DataFactoryCompute(ComputeTarget):
    """Where a DataTransferStep runs. Here the copy runs on any worker; the factory is a name."""

    _TYPE = "DataFactory"

    @staticmethod
    def provisioning_configuration(location: str | None = None) -> DataFactoryProvisioningConfiguration:
        """What ``ComputeTarget.create`` takes."""
        return DataFactoryProvisioningConfiguration(location)

    @staticmethod
    def attach_configuration(
        resource_group: str | None = None, factory_name: str | None = None, resource_id: str | None = None
    ) -> DataFactoryAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return _valid(DataFactoryAttachConfiguration(resource_group, factory_name, resource_id))

    @staticmethod
    def attach(workspace: Workspace, name: str, resource_id: str) -> Any:  # type: ignore[override]
        """Deprecated by the SDK; ``ComputeTarget.attach``. A configuration in place of the id counts, too."""
        if isinstance(resource_id, ComputeTargetAttachConfiguration):
            return ComputeTarget.attach(workspace, name, resource_id)
        return ComputeTarget.attach(workspace, name, DataFactoryCompute.attach_configuration(resource_id=resource_id))


class DatabricksAttachConfiguration(ComputeTargetAttachConfiguration):
    """What ``DatabricksCompute.attach_configuration`` gives; the token is not kept: it is Airflow's connection's."""

    def __init__(
        self,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        resource_id: str | None = None,
        access_token: str = "",
    ) -> None:
        super().__init__(DatabricksCompute)
        self.resource_group = resource_group
        self.workspace_name = workspace_name
        self.resource_id = resource_id
        self.access_token = access_token

    def validate_configuration(self) -> None:
        """:raises ComputeTargetException: when it names no Databricks workspace."""
        self._one_of(("resource_group", "workspace_name"), "resource_id")


class DatabricksCompute(ComputeTarget):
    """A Databricks workspace."""

    _TYPE = "Databricks"

    @staticmethod
    def attach_configuration(
        resource_group: str | None = None,
        workspace_name: str | None = None,
        resource_id: str | None = None,
        access_token: str = "",
    ) -> DatabricksAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return _valid(DatabricksAttachConfiguration(resource_group, workspace_name, resource_id, access_token))

    @staticmethod
    def attach(  # type: ignore[override]
        workspace: Workspace, name: str, resource_id: str, access_token: str
    ) -> Any:
        """Deprecated by the SDK; ``ComputeTarget.attach``."""
        made = DatabricksCompute.attach_configuration(resource_id=resource_id, access_token=access_token)
        return ComputeTarget.attach(workspace, name, made)


class _MachineAttachConfiguration(ComputeTargetAttachConfiguration):
    """A machine with SSH; the password and the passphrase are not kept."""

    def validate_configuration(self) -> None:
        """:raises ComputeTargetException: without an address or resource id, or without a user name."""
        not_empty(type(self).__name__, username=getattr(self, "username", None))
        if not getattr(self, "address", None) and not getattr(self, "resource_id", None):
            raise ComputeTargetException(f"{type(self).__name__} lacks an address. Expected address or resource_id.")


class RemoteComputeAttachConfiguration(_MachineAttachConfiguration):
    """What ``RemoteCompute.attach_configuration`` gives."""

    def __init__(
        self,
        username: str,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        vm_name: str | None = None,
        resource_id: str | None = None,
        address: str | None = None,
        ssh_port: int = 22,
        password: str = "",
        private_key_file: str = "",
        private_key_passphrase: str = "",
    ) -> None:
        given = dict(locals())
        super().__init__(RemoteCompute)
        self._keep(given)

    def _credentials(self) -> Dict[str, Any]:
        known = vars(self)
        given = {name: known[name] for name in ("password", "private_key_passphrase")}
        given["private_key"] = key_text(known["private_key_file"])
        return {name: value for name, value in given.items() if value}


class RemoteCompute(ComputeTarget):
    """A machine reached by SSH: where it has an address and the workspace says nothing else, its steps run there."""

    _TYPE = "VirtualMachine"

    @staticmethod
    def attach_configuration(
        username: str,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        vm_name: str | None = None,
        resource_id: str | None = None,
        address: str | None = None,
        ssh_port: int = 22,
        password: str = "",
        private_key_file: str = "",
        private_key_passphrase: str = "",
    ) -> RemoteComputeAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return _valid(RemoteComputeAttachConfiguration(**locals()))

    @staticmethod
    def attach(  # type: ignore[override]
        workspace: Workspace,
        name: str,
        username: str,
        address: str,
        ssh_port: int = 22,
        password: str = "",
        private_key_file: str = "",
        private_key_passphrase: str = "",
    ) -> Any:
        """Deprecated by the SDK; ``ComputeTarget.attach``."""
        made = RemoteCompute.attach_configuration(
            username,
            address=address,
            ssh_port=ssh_port,
            password=password,
            private_key_file=private_key_file,
            private_key_passphrase=private_key_passphrase,
        )
        return ComputeTarget.attach(workspace, name, made)


class HDInsightAttachConfiguration(_MachineAttachConfiguration):
    """What ``HDInsightCompute.attach_configuration`` gives."""

    def __init__(
        self,
        username: str,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        cluster_name: str | None = None,
        resource_id: str | None = None,
        address: str | None = None,
        ssh_port: int | str = "22",
        password: str = "",
        private_key_file: str = "",
        private_key_passphrase: str = "",
    ) -> None:
        given = dict(locals())
        super().__init__(HDInsightCompute)
        self._keep(given)


class HDInsightCompute(ComputeTarget):
    """An HDInsight cluster."""

    _TYPE = "HDInsight"

    @staticmethod
    def attach_configuration(
        username: str,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        cluster_name: str | None = None,
        resource_id: str | None = None,
        address: str | None = None,
        ssh_port: int | str = "22",
        password: str = "",
        private_key_file: str = "",
        private_key_passphrase: str = "",
    ) -> HDInsightAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return _valid(HDInsightAttachConfiguration(**locals()))

    @staticmethod
    def attach(  # type: ignore[override]
        workspace: Workspace,
        name: str,
        username: str,
        address: str,
        ssh_port: int | str = "22",
        password: str = "",
        private_key_file: str = "",
        private_key_passphrase: str = "",
    ) -> Any:
        """Deprecated by the SDK; ``ComputeTarget.attach``."""
        made = HDInsightCompute.attach_configuration(
            username, address=address, ssh_port=ssh_port, private_key_file=private_key_file
        )
        return ComputeTarget.attach(workspace, name, made)


class KustoAttachConfiguration(ComputeTargetAttachConfiguration):
    """What ``KustoCompute.attach_configuration`` gives; the key and the connection string are not kept."""

    def __init__(
        self,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        resource_id: str | None = None,
        tenant_id: str | None = None,
        kusto_connection_string: str | None = None,
        application_id: str | None = None,
        application_key: str | None = None,
    ) -> None:
        given = dict(locals())
        super().__init__(KustoCompute)
        self._keep(given)


class KustoCompute(ComputeTarget):
    """An Azure Data Explorer cluster."""

    _TYPE = "Kusto"

    @staticmethod
    def attach_configuration(
        resource_group: str | None = None,
        workspace_name: str | None = None,
        resource_id: str | None = None,
        tenant_id: str | None = None,
        kusto_connection_string: str | None = None,
        application_id: str | None = None,
        application_key: str | None = None,
    ) -> KustoAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return _valid(KustoAttachConfiguration(**locals()))


class SynapseAttachConfiguration(ComputeTargetAttachConfiguration):
    """What ``SynapseCompute.attach_configuration`` gives."""

    def __init__(self, linked_service: Any, type: str, pool_name: str) -> None:
        super().__init__(SynapseCompute)
        self.linked_service = linked_service
        self.type = type
        self.pool_name = pool_name

    def validate_configuration(self) -> None:
        """:raises ComputeTargetException: for a type that is not ``SynapseSpark``, or without a pool."""
        not_empty("SynapseAttachConfiguration", pool_name=self.pool_name)
        if self.type != "SynapseSpark":
            raise ComputeTargetException(f"The type is {self.type!r}. Expected 'SynapseSpark'.")


class SynapseCompute(ComputeTarget):
    """A Spark pool of Synapse."""

    _TYPE = "SynapseSpark"

    @staticmethod
    def attach_configuration(linked_service: Any, type: str, pool_name: str) -> SynapseAttachConfiguration:
        """What ``ComputeTarget.attach`` takes."""
        return _valid(SynapseAttachConfiguration(linked_service, type, pool_name))


def _valid(configuration: C) -> C:
    configuration.validate_configuration()
    return configuration
