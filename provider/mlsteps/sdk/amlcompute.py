"""``AmlCompute``: a cluster that grows and shrinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping

from mlsteps.errors import ComputeTargetException, UnsupportedFeature
from mlsteps.sdk.compute import ComputeTarget
from mlsteps.sdk.compute_configuration import ComputeTargetProvisioningConfiguration

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

_VM_SIZE, _MAX_NODES = "STANDARD_NC6", 4
_PRIORITIES = ("dedicated", "lowpriority")
_PORT_ACCESS = ("NotSpecified", "Enabled", "Disabled")


class ScaleSettings:
    """How far a cluster grows and when it shrinks."""

    def __init__(self, minimum_node_count: int, maximum_node_count: int, idle_seconds_before_scaledown: float) -> None:
        self.minimum_node_count = minimum_node_count
        self.maximum_node_count = maximum_node_count
        self.idle_seconds_before_scaledown = idle_seconds_before_scaledown

    def serialize(self) -> Dict[str, Any]:
        """As JSON data, under the SDK's keys; the idle time as an ISO duration."""
        return {
            "minNodeCount": self.minimum_node_count,
            "maxNodeCount": self.maximum_node_count,
            "nodeIdleTimeBeforeScaleDown": f"PT{self.idle_seconds_before_scaledown}S",
        }

    @staticmethod
    def deserialize(object_dict: Mapping[str, Any]) -> ScaleSettings:
        """What :meth:`serialize` described."""
        idle = str(object_dict["nodeIdleTimeBeforeScaleDown"]).strip("PTS")
        seconds = float(idle)
        whole = int(seconds) if seconds == int(seconds) else seconds
        return ScaleSettings(object_dict["minNodeCount"], object_dict["maxNodeCount"], whole)


class AmlComputeNodeStateCounts:
    """How many nodes are in which state."""

    def __init__(
        self,
        idle_node_count: int,
        leaving_node_count: int,
        preempted_node_count: int,
        preparing_node_count: int,
        running_node_count: int,
        unusable_node_count: int,
    ) -> None:
        self.idle_node_count = idle_node_count
        self.leaving_node_count = leaving_node_count
        self.preempted_node_count = preempted_node_count
        self.preparing_node_count = preparing_node_count
        self.running_node_count = running_node_count
        self.unusable_node_count = unusable_node_count

    def serialize(self) -> Dict[str, Any]:
        """As JSON data, under the SDK's keys."""
        from mlsteps.sdk.sections import camel

        return {camel(key): value for key, value in vars(self).items()}

    @staticmethod
    def deserialize(object_dict: Mapping[str, Any]) -> AmlComputeNodeStateCounts:
        """What :meth:`serialize` described."""
        from mlsteps.sdk.sections import snake

        return AmlComputeNodeStateCounts(**{snake(key): value for key, value in object_dict.items()})


class AmlComputeStatus:
    """A cluster's state."""

    def __init__(
        self,
        allocation_state: str,
        allocation_state_transition_time: Any,
        creation_time: Any,
        current_node_count: int,
        errors: Any,
        modified_time: Any,
        node_state_counts: AmlComputeNodeStateCounts,
        provisioning_state: str,
        provisioning_state_transition_time: Any,
        scale_settings: ScaleSettings,
        target_node_count: int,
        vm_priority: str,
        vm_size: str,
    ) -> None:
        self.allocation_state = allocation_state
        self.allocation_state_transition_time = allocation_state_transition_time
        self.creation_time = creation_time
        self.current_node_count = current_node_count
        self.errors = errors
        self.modified_time = modified_time
        self.node_state_counts = node_state_counts
        self.provisioning_state = provisioning_state
        self.provisioning_state_transition_time = provisioning_state_transition_time
        self.scale_settings = scale_settings
        self.target_node_count = target_node_count
        self.vm_priority = vm_priority
        self.vm_size = vm_size

    def serialize(self) -> Dict[str, Any]:
        """As JSON data, under the SDK's keys."""
        from mlsteps.sdk.sections import camel

        parts = ("node_state_counts", "scale_settings")
        return {camel(key): value.serialize() if key in parts else value for key, value in vars(self).items()}

    @staticmethod
    def deserialize(object_dict: Mapping[str, Any]) -> AmlComputeStatus:
        """What :meth:`serialize` described."""
        from mlsteps.sdk.sections import snake

        given = {snake(key): value for key, value in object_dict.items()}
        given["node_state_counts"] = AmlComputeNodeStateCounts.deserialize(given["node_state_counts"])
        given["scale_settings"] = ScaleSettings.deserialize(given["scale_settings"])
        return AmlComputeStatus(**given)

    def __repr__(self) -> str:
        return f"AmlComputeStatus({self.serialize()!r})"


class AmlComputeProvisioningConfiguration(ComputeTargetProvisioningConfiguration):
    """What ``AmlCompute.provisioning_configuration`` gives."""

    def __init__(
        self,
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: float = 1800,
        admin_username: str | None = None,
        admin_user_password: str | None = None,
        admin_user_ssh_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        remote_login_port_public_access: str = "NotSpecified",
        identity_type: str | None = None,
        identity_id: Any = None,
        compute_location: str | None = None,
        enable_node_public_ip: bool = True,
    ) -> None:
        super().__init__(AmlCompute, compute_location)
        self.vm_size = vm_size or _VM_SIZE
        self.vm_priority = vm_priority or "dedicated"
        maximum = _MAX_NODES if max_nodes is None else max_nodes
        self.scale_settings = ScaleSettings(
            _count(min_nodes or 0), _count(maximum), _count(idle_seconds_before_scaledown)
        )
        self.admin_username = admin_username
        self.admin_user_password = admin_user_password
        self.admin_user_ssh_key = admin_user_ssh_key
        self.vnet_resourcegroup_name = vnet_resourcegroup_name
        self.vnet_name = vnet_name
        self.subnet_name = subnet_name
        self.tags = tags
        self.description = description
        self.remote_login_port_public_access = remote_login_port_public_access
        self.identity_type = identity_type
        self.identity_id = identity_id
        self.compute_location = compute_location
        self.enable_node_public_ip = enable_node_public_ip

    def validate_configuration(self) -> None:
        """Check sizes and words.

        :raises ComputeTargetException: naming the value that cannot be.
        """
        scale = self.scale_settings
        check_scale(scale.minimum_node_count, scale.maximum_node_count, scale.idle_seconds_before_scaledown)
        if str(self.vm_priority).lower() not in _PRIORITIES:
            raise ComputeTargetException(f"vm_priority is {self.vm_priority!r}. Expected one of {_PRIORITIES}.")
        if self.remote_login_port_public_access not in _PORT_ACCESS:
            given = self.remote_login_port_public_access
            raise ComputeTargetException(f"remote_login_port_public_access is {given!r}. Expected {_PORT_ACCESS}.")
        network = (self.vnet_name, self.vnet_resourcegroup_name, self.subnet_name)
        if any(network) and not all(network):
            raise ComputeTargetException("Give vnet_name, vnet_resourcegroup_name and subnet_name together.")

    def _settings(self) -> Dict[str, Any]:
        settings = super()._settings()
        settings["scale_settings"] = vars(self.scale_settings)
        return settings


class AmlCompute(ComputeTarget):
    """A cluster. ``max_nodes`` is how many of its steps run at once."""

    _TYPE = "AmlCompute"

    @staticmethod
    def provisioning_configuration(
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: float = 1800,
        admin_username: str | None = None,
        admin_user_password: str | None = None,
        admin_user_ssh_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        remote_login_port_public_access: str = "NotSpecified",
        identity_type: str | None = None,
        identity_id: Any = None,
        location: str | None = None,
        enable_node_public_ip: bool = True,
    ) -> AmlComputeProvisioningConfiguration:
        """What ``ComputeTarget.create`` makes a cluster of.

        :param vm_size: an Azure size, as ``STANDARD_D2_V2``; says how many cores and how much memory a step may ask.
        :param max_nodes: default 4.
        :raises ComputeTargetException: for numbers or words that cannot be.
        """
        given = dict(locals())
        configuration = AmlComputeProvisioningConfiguration(compute_location=given.pop("location"), **given)
        configuration.validate_configuration()
        return configuration

    def _fill(self, workspace: Workspace, document: Mapping[str, Any]) -> None:
        super()._fill(workspace, document)
        settings = self._settings()
        self.scale_settings = ScaleSettings(**settings["scale_settings"])
        self.vm_size: str = settings["vm_size"]
        self.vm_priority: str = settings["vm_priority"]
        self.status = self.get_status()

    def wait_for_completion(  # type: ignore[override]  # the SDK gives clusters another signature
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
        is_delete_operation: bool = False,
    ) -> None:
        """Nothing to wait for; prints what the SDK prints at the end."""
        super().wait_for_completion(show_output, is_delete_operation)
        if show_output:
            print("AmlCompute wait for completion finished\n")
            print("Minimum number of nodes requested have been provisioned")

    def get_status(self) -> AmlComputeStatus:
        """The state, which is always ``Succeeded`` and ``Steady``; nodes are counted nowhere."""
        return AmlComputeStatus(
            allocation_state="Steady",
            allocation_state_transition_time=self.modified_on,
            creation_time=self.created_on,
            current_node_count=self.scale_settings.minimum_node_count,
            errors=None,
            modified_time=self.modified_on,
            node_state_counts=AmlComputeNodeStateCounts(self.scale_settings.minimum_node_count, 0, 0, 0, 0, 0),
            provisioning_state=self.provisioning_state,
            provisioning_state_transition_time=None,
            scale_settings=self.scale_settings,
            target_node_count=self.scale_settings.minimum_node_count,
            vm_priority=self.vm_priority.capitalize(),
            vm_size=self.vm_size.upper(),
        )

    def _inner(self) -> Dict[str, Any]:
        state = self.get_status().serialize()
        apart = ("creationTime", "modifiedTime", "provisioningState", "provisioningStateTransitionTime")
        inner = {**super()._inner(), **{key: value for key, value in state.items() if key not in apart}}
        return {**inner, "scaleSettings": self.scale_settings.serialize()}

    def update(
        self,
        min_nodes: int | None = None,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: float | None = None,
    ) -> None:
        """Change how far it grows and when it shrinks."""
        old = self.scale_settings
        new = ScaleSettings(
            old.minimum_node_count if min_nodes is None else min_nodes,
            old.maximum_node_count if max_nodes is None else max_nodes,
            old.idle_seconds_before_scaledown
            if idle_seconds_before_scaledown is None
            else idle_seconds_before_scaledown,
        )
        check_scale(new.minimum_node_count, new.maximum_node_count, new.idle_seconds_before_scaledown)
        self._change(scale_settings=vars(new))

    def detach(self) -> None:
        """Not for clusters, as in the SDK.

        :raises ComputeTargetException: always.
        """
        raise ComputeTargetException("An AmlCompute cannot be detached; delete() it.")

    def add_identity(self, identity_type: str, identity_id: Any = None) -> None:
        """Say with which identity its steps run; kept, without effect."""
        self._change(identity_type=identity_type, identity_id=identity_id)

    def remove_identity(self, identity_id: Any = None) -> None:
        """Undo :meth:`add_identity`."""
        self._change(identity_type=None, identity_id=None)

    def list_nodes(self) -> List[Dict[str, Any]]:
        """Always empty: there are no nodes to log in to."""
        return []

    def get_active_runs(
        self, type: str | None = None, tags: Any = None, properties: Any = None, status: str | None = None
    ) -> Iterator[Any]:
        """Runs on this target that are queued or running."""
        from mlsteps.sdk.run import Run

        return Run.list_by_compute(self, type, tags, properties, status)

    @staticmethod
    def supported_vmsizes(workspace: Workspace, location: str | None = None) -> List[Dict[str, Any]]:
        """Azure's sizes.

        :raises UnsupportedFeature: always; so, too, the quotas.
        """
        raise UnsupportedFeature("AmlCompute.supported_vmsizes", "only Azure knows", "any size's name")

    @staticmethod
    def list_usages(workspace: Workspace, show_all: bool = False, location: str | None = None) -> List[Any]:
        """:raises UnsupportedFeature: always."""
        raise UnsupportedFeature("AmlCompute.list_usages", "only Azure knows")

    @staticmethod
    def list_quotas(workspace: Workspace, location: str | None = None) -> List[Any]:
        """:raises UnsupportedFeature: always."""
        raise UnsupportedFeature("AmlCompute.list_quotas", "only Azure knows")

    @staticmethod
    def update_quotas(
        workspace: Workspace, vm_family: Any, limit: int | None = None, location: str | None = None
    ) -> List[Any]:
        """:raises UnsupportedFeature: always."""
        raise UnsupportedFeature("AmlCompute.update_quotas", "only Azure knows", "Airflow pools")


def _count(value: Any) -> Any:
    # Notebooks take these from environment variables, which are text.
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value


def check_scale(minimum: Any, maximum: Any, idle: Any) -> None:
    """Check numbers of nodes.

    :raises ComputeTargetException: for what is no whole number from 0, or a minimum above the maximum.
    """
    for what, value in (("min_nodes", minimum), ("max_nodes", maximum), ("idle_seconds_before_scaledown", idle)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ComputeTargetException(f"{what} is {value!r}. Expected a whole number, 0 or more.")
    if minimum > maximum:
        raise ComputeTargetException(
            f"min_nodes is {minimum} and max_nodes {maximum}. Expected min_nodes <= max_nodes."
        )
