"""``Workspace``: the registry of everything, by name."""

from __future__ import annotations

import json
import os
import re
import threading
from typing import TYPE_CHECKING, Any, Dict, List, Mapping

from mlsteps.errors import (
    InvalidInput,
    UnsupportedFeature,
    UserErrorException,
    WorkspaceException,
)
from mlsteps.sdk import workspace_reference as references
from mlsteps.sdk.workspace_parts import ADMINISTRATION, WorkspaceParts

if TYPE_CHECKING:
    from mlsteps.registry.runs import RunStore
    from mlsteps.storage.workspace_store import WorkspaceStore

_ZEROS = "00000000-0000-0000-0000-000000000000"
_GROUP, _LOCATION = "mlsteps", "local"
_PLACE = ("root", "root_conn_id", "conn_id", "airflow_url")


class Workspace(WorkspaceParts):
    """A workspace. Making the object touches no store; the first access opens it, and makes a local one on first use.

    Where it lies: a ``root`` in ``config.json`` or in the Airflow connection ``mlsteps_<name>``,
    ``MLSTEPS_WORKSPACE_ROOT``, the connection ``mlsteps_default``, else a folder below ``MLSTEPS_HOME``. Inside a step
    the run's own workspace stands for its name.

    :param auth: accepted and not used: access is by the datastores' connections.
    """

    def __init__(
        self,
        subscription_id: str | None,
        resource_group: str | None,
        workspace_name: str,
        auth: Any = None,
        _location: str | None = None,
        _disable_service_check: bool = False,
        _workspace_id: str | None = None,
        sku: str = "basic",
        tags: Mapping[str, str] | None = None,
        _cloud: str = "AzureCloud",
    ) -> None:
        given = {"subscription_id": subscription_id, "resource_group": resource_group, "location": _location}
        reference = {"name": _checked_name(workspace_name), **{key: value for key, value in given.items() if value}}
        self._set_up({**references.configured(workspace_name), **reference}, auth, sku, tags)

    def _set_up(
        self, reference: Mapping[str, Any], auth: Any = None, sku: str = "basic", tags: Any = None
    ) -> Workspace:
        self._ref = {key: value for key, value in reference.items() if value is not None}
        self._auth_object = auth
        self._sku = sku
        self._given_tags = dict(tags or {})
        self._opened: WorkspaceStore | None = None
        self._runs: RunStore | None = None
        self._lock = threading.Lock()
        return self

    @classmethod
    def _from_reference(cls, reference: Mapping[str, Any], auth: Any = None) -> Workspace:
        """The workspace of a reference such as a graph or a step holds."""
        return cls.__new__(cls)._set_up({**reference, "name": _checked_name(reference.get("name"))}, auth)

    # Ways to get one

    @staticmethod
    def from_config(
        path: str | os.PathLike[str] | None = None, auth: Any = None, _logger: Any = None, _file_name: str | None = None
    ) -> Workspace:
        """The workspace that ``config.json`` names; without a path and without such a file the default one.

        :param path: the file, or the folder where the search begins (up to the root of the file system).
        :raises UserErrorException: for a path that does not exist or has no configuration, or an incomplete file.
        """
        from mlsteps.sdk import step_context

        step = step_context.current()
        if path is None and step is not None:
            return Workspace._from_reference(step["workspace"], auth)
        file = references.find_config(path, _file_name)
        if file is not None:
            found = references.read_config(file)
            return Workspace._from_reference({**references.configured(found["name"]), **found}, auth)
        if path is not None:
            raise UserErrorException(
                f"No config.json was found in {os.fspath(path)!r}, its .azureml folder, or above. "
                "To mend it: workspace.write_config(), or leave the path out for the default workspace."
            )
        return Workspace._default(auth)

    @staticmethod
    def _default(auth: Any = None) -> Workspace:
        found = references.configured(None)
        if not found:
            _notice(f"No config.json was found: using the local workspace {references.LOCAL_NAME!r}.")
        return Workspace._from_reference({"name": references.LOCAL_NAME, **found}, auth)

    @staticmethod
    def get(
        name: str,
        auth: Any = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        cloud: str = "AzureCloud",
        id: str | None = None,
    ) -> Workspace:
        """The workspace of this name, local on first use unless one is configured under its name.

        :raises UserErrorException: when the name is missing or cannot be one.
        """
        return Workspace(subscription_id, resource_group, name, auth, location)

    @staticmethod
    def create(
        name: str,
        auth: Any = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        create_resource_group: bool = True,
        sku: str = "basic",
        tags: Mapping[str, str] | None = None,
        friendly_name: str | None = None,
        storage_account: Any = None,
        key_vault: Any = None,
        app_insights: Any = None,
        container_registry: Any = None,
        adb_workspace: Any = None,
        primary_user_assigned_identity: Any = None,
        cmk_keyvault: Any = None,
        resource_cmk_uri: Any = None,
        hbi_workspace: bool = False,
        default_cpu_compute_target: Any = None,
        default_gpu_compute_target: Any = None,
        private_endpoint_config: Any = None,
        private_endpoint_auto_approval: bool = True,
        exist_ok: bool = False,
        show_output: bool = True,
        user_assigned_identity_for_cmk_encryption: Any = None,
        system_datastores_auth_mode: str = "accessKey",
        v1_legacy_mode: bool | None = None,
    ) -> Workspace:
        """Make a workspace; arguments about Azure resources have no effect.

        :raises UserErrorException: for a name that is not 2 to 32 letters, digits, ``-`` and ``_``.
        :raises WorkspaceException: when it exists and ``exist_ok`` is off.
        """
        if not re.match(r"[A-Za-z0-9][\w-]{1,31}\Z", name or "", re.ASCII):
            raise InvalidInput(
                f"The workspace name {name!r} does not fit", expected="2 to 32 letters, digits, '-' and '_'"
            )
        made = Workspace(subscription_id, resource_group, name, auth, location, sku=sku, tags=tags)
        if made._exists() and not exist_ok:
            raise WorkspaceException(f"The workspace {name!r} exists already. Give exist_ok=True to use it.")
        if tags or friendly_name:
            made.update(friendly_name=friendly_name, tags=tags)
        made._store()
        if show_output:
            print(f"Workspace {name!r} is at {made._store().root}.")
        return made

    @staticmethod
    def list(
        subscription_id: str | None, auth: Any = None, resource_group: str | None = None
    ) -> Dict[str, List[Workspace]]:
        """Workspaces on this machine and in connections, by name."""
        from mlsteps.sdk.workspace_listing import known_workspaces

        found: dict[str, Any] = {}
        for reference in known_workspaces():
            made = Workspace._from_reference(reference, auth)
            if resource_group is None or made.resource_group.lower() == resource_group.lower():
                found.setdefault(made.name, []).append(made)
        return found

    @staticmethod
    def setup() -> Workspace:
        """The workspace that is configured here; nothing is asked."""
        return Workspace.from_config()

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> None:
        """Write ``<path>/.azureml/config.json``, which :meth:`from_config` finds."""
        folder = os.path.abspath(os.fspath(path) if path is not None else os.curdir)
        if os.path.basename(folder) not in (".azureml", "aml_config"):
            folder = os.path.join(folder, ".azureml")
        os.makedirs(folder, exist_ok=True)
        data = {
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "workspace_name": self.name,
        }
        if "root" in self._ref and "conn_id" not in self._ref:
            data["root"] = self._ref["root"]
        target = os.path.join(folder, file_name or "config.json")
        with open(f"{target}.partial", "w", encoding="utf-8") as stream:
            json.dump(data, stream, indent=4)
        os.replace(f"{target}.partial", target)

    # Properties

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._ref["name"])

    @property
    def subscription_id(self) -> str:
        """As configured; zeros for a local workspace."""
        return str(self._ref.get("subscription_id") or _ZEROS)

    @property
    def resource_group(self) -> str:
        """As configured; ``mlsteps`` for a local workspace."""
        return str(self._ref.get("resource_group") or _GROUP)

    @property
    def location(self) -> str:
        """As configured or as written when the workspace was made; ``local`` else."""
        return str(self._ref.get("location") or self._document_if_there().get("location") or _LOCATION)

    @property
    def sku(self) -> str:
        """As given; has no effect."""
        return self._sku

    @property
    def tags(self) -> dict[str, str]:
        """The workspace's tags."""
        return {**self._document_if_there().get("tags", {}), **self._given_tags}

    @property
    def discovery_url(self) -> str:
        """The address of the Airflow that serves it, empty when none is configured."""
        return str(self._ref.get("airflow_url") or "")

    @property
    def service_context(self) -> Any:
        """The SDK's inner clients.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature("Workspace.service_context", "there is no such service")

    # More about it

    def get_details(self) -> dict[str, Any]:
        """What is known of the workspace, under the SDK's keys."""
        from mlsteps.sdk.workspace_listing import details

        return details(self)

    def get_mlflow_tracking_uri(self, _with_auth: bool = False) -> str:
        """An address for ``mlflow.set_tracking_uri``: a folder in the workspace.

        :raises UnsupportedFeature: for a workspace that is not on a file system.
        """
        folder = self._store().store.local_path("mlflow")
        if folder is None:
            raise UnsupportedFeature(
                "Workspace.get_mlflow_tracking_uri", f"{self._store().root} is no folder", "a tracking server"
            )
        return "file://" + folder.replace(os.sep, "/")

    # Administration

    def update(
        self,
        friendly_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        image_build_compute: Any = None,
        service_managed_resources_settings: Any = None,
        primary_user_assigned_identity: Any = None,
        allow_public_access_when_behind_vnet: bool | None = None,
        v1_legacy_mode: bool | None = None,
    ) -> dict[str, Any]:
        """Change name, description and tags; the other arguments have no effect. Returns :meth:`get_details`."""
        from mlsteps.registry.workspaces import workspace_document

        store = self._store()
        given = {"friendly_name": friendly_name, "description": description, "tags": dict(tags) if tags else None}
        changes = {key: value for key, value in given.items() if value is not None}
        store.write_json("workspace.json", {**workspace_document(store), **changes})
        return self.get_details()

    def sync_keys(self, no_wait: bool = False) -> None:
        """Nothing to do: no keys are kept."""

    def list_keys(self) -> dict[str, Any]:
        """The keys of Azure's resources.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature("Workspace.list_keys", "keys stay in Airflow's connections", "those")

    def __getattr__(self, name: str) -> Any:
        if name in ADMINISTRATION:
            raise UnsupportedFeature(f"Workspace.{name}", "it administers Azure resources", "Azure's own tools")
        raise AttributeError(f"Workspace has no attribute {name!r}")

    def __repr__(self) -> str:
        return (
            f"Workspace.create(name={self.name!r}, subscription_id={self.subscription_id!r}, "
            f"resource_group={self.resource_group!r})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workspace) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __deepcopy__(self, memo: Any) -> Workspace:
        return self

    def __reduce__(self) -> Any:
        # Scripts hand runs and workspaces to worker processes; the opened store stays behind.
        return Workspace._from_reference, (self._ref,)

    # For mlsteps

    def _reference(self) -> dict[str, Any]:
        """The graph's ``workspace``: name, subscription_id, resource_group, location; root, conn_id and
        airflow_url when there are any. No store is touched, no secrets."""
        reference = {
            "name": self.name,
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "location": str(self._ref.get("location") or _LOCATION),
        }
        return {
            **reference,
            **{key: self._ref[key] for key in _PLACE if self._ref.get(key)},
        }

    def _identity(self) -> tuple[str, ...]:
        return (self.name, self.subscription_id, self.resource_group, str(self._ref.get("root")))

    def _store(self) -> WorkspaceStore:
        """The workspace's store, opened (and made, when local and new) on first use."""
        from mlsteps.registry.workspaces import open_workspace

        with self._lock:
            if self._opened is None:
                self._opened = open_workspace(self._reference())
            return self._opened

    def _run_store(self) -> RunStore:
        """The runs; one object, so that a process appends to one file of events."""
        from mlsteps.registry.runs import RunStore

        store = self._store()
        with self._lock:
            if self._runs is None:
                self._runs = RunStore(store)
            return self._runs

    def _exists(self) -> bool:
        from mlsteps.sdk.workspace_listing import exists

        return exists(self._reference())

    def _document_if_there(self) -> dict[str, Any]:
        from mlsteps.sdk.workspace_listing import document_if_there

        return document_if_there(self._reference())


_noticed: set[str] = set()


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not re.match(r"[A-Za-z0-9][\w.-]{0,259}\Z", name, re.ASCII):
        raise InvalidInput(
            f"The workspace name {name!r} does not fit", expected="letters, digits, '-', '_' and '.', a letter first"
        )
    return name


def _notice(text: str) -> None:
    if text not in _noticed:
        _noticed.add(text)
        print(text)
