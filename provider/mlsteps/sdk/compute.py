"""``ComputeTarget``: what all compute targets share, and how one is found, made and attached."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, ClassVar, Dict, List, Mapping

from mlsteps.errors import ComputeTargetException, InvalidInput, UnsupportedFeature
from mlsteps.sdk import step_context
from mlsteps.sdk.compute_configuration import (
    ComputeTargetAttachConfiguration,
    ComputeTargetProvisioningConfiguration,
    ComputeTargetUpdateConfiguration,
)

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

__all__ = [
    "ComputeTarget",
    "ComputeTargetAttachConfiguration",
    "ComputeTargetException",
    "ComputeTargetProvisioningConfiguration",
    "ComputeTargetUpdateConfiguration",
]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,31}\Z", re.ASCII)
_classes: Dict[str, type] = {}


class ComputeTarget:
    """A compute target of the workspace; making the object gives one of the class that fits its type.

    Here a target is a name with settings: which kind of compute its steps run on is decided where they run. A local
    run needs no target to exist.

    :raises ComputeTargetException: when the workspace has none of that name.
    """

    #: The SDK's name of the type, such as ``AmlCompute``.
    _TYPE: ClassVar[str] = ""

    def __new__(cls, workspace: Workspace, name: str) -> ComputeTarget:
        from mlsteps.registry.documents import get_compute

        document = get_compute(workspace._store(), name) if isinstance(name, str) and name.strip() else None
        if document is None:
            raise ComputeTargetException(
                f"ComputeTargetNotFound: Compute Target with name {name!r} not found in the workspace "
                f"{workspace.name!r}. To mend it: ComputeTarget.create(workspace, name, configuration)."
            )
        if cls._TYPE and document["type"] != cls._TYPE:
            raise ComputeTargetException(f"The compute target {name!r} is of type {document['type']}, not {cls._TYPE}.")
        return cls._of(workspace, document)

    def __init__(self, workspace: Workspace, name: str) -> None:
        # __new__ has filled the object; the SDK's signature is what callers see.
        pass

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls._TYPE:
            _classes[cls._TYPE] = cls

    @classmethod
    def _of(cls, workspace: Workspace, document: Mapping[str, Any]) -> ComputeTarget:
        kind = class_of(document["type"])
        made: ComputeTarget = object.__new__(kind)
        made._fill(workspace, document)
        return made

    def _fill(self, workspace: Workspace, document: Mapping[str, Any]) -> None:
        self._document = dict(document)
        self.workspace = workspace
        self.name: str = document["name"]
        self.type: str = document["type"]
        self.tags: Dict[str, str] = dict(document.get("tags") or {})
        self.description = document.get("description")
        self.location = document.get("location") or workspace.location
        self.is_attached = bool(document.get("attached"))
        self.provisioning_state = "Succeeded"
        self.provisioning_errors: Any = None
        self.created_on = document.get("created_on")
        self.modified_on = document.get("modified_on")
        self.cluster_resource_id = document.get("settings", {}).get("resource_id")
        for key, value in self._settings().items():
            setattr(self, key, value)

    def _settings(self) -> Dict[str, Any]:
        return dict(self._document.get("settings") or {})

    @property
    def id(self) -> str:
        """An id in the form of Azure's."""
        workspace = self.workspace
        return (
            f"/subscriptions/{workspace.subscription_id}/resourceGroups/{workspace.resource_group}/providers/"
            f"Microsoft.MachineLearningServices/workspaces/{workspace.name}/computes/{self.name}"
        )

    # Make, attach, list

    @staticmethod
    def create(workspace: Workspace, name: str, provisioning_configuration: Any) -> Any:
        """Make a compute target known to the workspace; nothing is rented.

        :param provisioning_configuration: what ``AmlCompute.provisioning_configuration(...)`` gives, or another's.
        :raises ComputeTargetException: for a name or a configuration that cannot be, or inside a step.
        """
        if not isinstance(provisioning_configuration, ComputeTargetProvisioningConfiguration):
            raise ComputeTargetException(
                f"{provisioning_configuration!r} is no provisioning configuration. "
                "Expected what AmlCompute.provisioning_configuration(...) gives."
            )
        return _put(workspace, name, provisioning_configuration, attached=False)

    @staticmethod
    def attach(workspace: Workspace, name: str, attach_configuration: Any) -> Any:
        """Make compute that exists elsewhere known to the workspace.

        No secret of the configuration is kept there. Those of a ``RemoteCompute`` become a connection of the Airflow
        that a pipeline is submitted to, ``mlsteps_<workspace>_<name>``.

        :raises ComputeTargetException: for a name or a configuration that cannot be, or inside a step.
        """
        if not isinstance(attach_configuration, ComputeTargetAttachConfiguration):
            raise ComputeTargetException(
                f"{attach_configuration!r} is no attach configuration. "
                "Expected what DatabricksCompute.attach_configuration(...), for instance, gives."
            )
        return _put(workspace, name, attach_configuration, attached=True)

    @staticmethod
    def list(workspace: Workspace) -> List[Any]:
        """The workspace's compute targets."""
        from mlsteps.registry.documents import list_computes

        return [ComputeTarget._of(workspace, document) for document in list_computes(workspace._store()).values()]

    # One of them

    def wait_for_completion(self, show_output: bool = False, is_delete_operation: bool = False) -> None:
        """Nothing to wait for; prints what the SDK prints at the end."""
        if show_output:
            done = "Deleting" if is_delete_operation else "Provisioning"
            print(f'Succeeded{done} operation finished, operation "Succeeded"')

    def refresh_state(self) -> None:
        """Read what the workspace says of it again.

        :raises ComputeTargetException: when it was deleted.
        """
        found = ComputeTarget(self.workspace, self.name)
        self._fill(self.workspace, found._document)

    def get_status(self) -> Any:
        """The state: ``Succeeded`` once it is known."""
        return self.provisioning_state

    def get(self) -> Any:
        """The target as the workspace knows it now."""
        return ComputeTarget(self.workspace, self.name)

    def delete(self) -> None:
        """Forget it.

        :raises UnsupportedFeature: inside a step.
        """
        from mlsteps.registry.documents import delete_compute

        step_context.refuse("Deleting a compute target")
        delete_compute(self.workspace._store(), self.name)

    def detach(self) -> None:
        """Forget it."""
        self.delete()

    def get_credentials(self) -> Dict[str, Any]:
        """What it takes to log in.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature(f"{type(self).__name__}.get_credentials", "secrets stay in Airflow's connections")

    def serialize(self) -> Dict[str, Any]:
        """The target as JSON data, under the SDK's keys."""
        return {
            "id": self.id,
            "name": self.name,
            "location": self.location,
            "tags": dict(self.tags),
            "properties": {
                "computeType": self.type,
                "computeLocation": self.location,
                "description": self.description,
                "resourceId": self.cluster_resource_id,
                "isAttachedCompute": self.is_attached,
                "provisioningState": self.provisioning_state,
                "provisioningErrors": self.provisioning_errors,
                "createdOn": self.created_on,
                "modifiedOn": self.modified_on,
                "properties": self._inner(),
            },
        }

    def _inner(self) -> Dict[str, Any]:
        from mlsteps.sdk.sections import camel

        return {camel(key): value for key, value in self._settings().items()}

    @staticmethod
    def deserialize(workspace: Workspace, object_dict: Mapping[str, Any]) -> Any:
        """The target that :meth:`serialize` described."""
        return ComputeTarget(workspace, object_dict["name"])

    def _change(self, **settings: Any) -> None:
        from mlsteps.registry.documents import put_compute

        step_context.refuse("Changing a compute target")
        document = {**self._document, "settings": {**self._settings(), **settings}, "modified_on": _now()}
        put_compute(self.workspace._store(), document)
        self._fill(self.workspace, document)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name!r}, type={self.type!r})"

    def __deepcopy__(self, memo: Any) -> ComputeTarget:
        return self


def class_of(type_name: str) -> type:
    """The class of a type of compute; plain :class:`ComputeTarget` for one nobody knows."""
    if type_name not in _classes:
        import mlsteps.sdk.amlcompute
        import mlsteps.sdk.other_computes  # noqa: F401  these modules make the classes known
    return _classes.get(type_name, ComputeTarget)


def _put(workspace: Workspace, name: str, configuration: Any, attached: bool) -> Any:
    from mlsteps.registry.documents import put_compute

    step_context.refuse("Attaching a compute target" if attached else "Creating a compute target")
    if not isinstance(name, str) or not _NAME.match(name):
        raise ComputeTargetException(
            f"The compute target's name is {name!r}. Expected 2 to 32 letters, digits and '-', a letter first."
        )
    configuration.validate_configuration()
    settings = configuration._settings()
    secrets = configuration._credentials()
    if secrets:
        from mlsteps.registry import credentials

        settings["connection"] = credentials.connection_id(workspace.name, name)
        credentials.store_credentials(settings["connection"], secrets)
    document = {
        "name": name,
        "type": configuration._type,
        "settings": settings,
        "tags": dict(getattr(configuration, "tags", None) or {}),
        "description": getattr(configuration, "description", None),
        "location": getattr(configuration, "location", None),
        "attached": attached,
        "created_on": _now(),
        "modified_on": _now(),
    }
    put_compute(workspace._store(), {key: value for key, value in document.items() if value is not None})
    print("Attaching......" if attached else "Creating......")
    return ComputeTarget._of(workspace, document)


def _now() -> str:
    from mlsteps.sdk.run_details import utc

    return str(utc(time.time()))


def not_empty(what: str, **given: Any) -> None:
    """Check that values are there.

    :raises ComputeTargetException: naming those that are missing.
    """
    missing = [name for name, value in given.items() if value in (None, "")]
    if missing:
        raise ComputeTargetException(f"{what} lacks {', '.join(missing)}.")


class AbstractComputeTarget:
    """A target by type and name (SDK: ``azureml.core.compute_target``)."""

    def __init__(self, compute_target_type: str, name: str) -> None:
        if not name:
            raise InvalidInput(f"The compute target's name is {name!r}", expected="a text")
        self._compute_type, self._name = compute_target_type, name

    @property
    def type(self) -> str:
        """The type."""
        return self._compute_type

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @staticmethod
    def deserialize_from_dict(
        compute_target_name: str, compute_target_dict: Mapping[str, Any]
    ) -> AbstractComputeTarget:
        """The target that a legacy file describes."""
        return AbstractComputeTarget(str(compute_target_dict.get("type", "local")), compute_target_name)


class LocalTarget(AbstractComputeTarget):
    """This machine."""

    def __init__(self) -> None:
        super().__init__("local", "local")
