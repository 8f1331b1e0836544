"""What a workspace holds: compute targets, datastores, datasets, experiments, environments, models, runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from mlsteps.errors import InvalidInput

if TYPE_CHECKING:
    from mlsteps.sdk.compute import ComputeTarget
    from mlsteps.sdk.environment import Environment
    from mlsteps.sdk.experiment import Experiment
    from mlsteps.sdk.keyvault import Keyvault
    from mlsteps.sdk.model import Model
    from mlsteps.sdk.run import Run
    from mlsteps.sdk.workspace import Workspace

#: Methods of the SDK's that refuse by name.
ADMINISTRATION = frozenset(
    (
        "add_private_endpoint",
        "delete",
        "delete_connection",
        "delete_private_endpoint_connection",
        "diagnose_workspace",
        "get_connection",
        "list_connections",
        "set_connection",
        "update_dependencies",
    )
)


class WorkspaceParts:
    """A workspace as a registry; each property reads the workspace's store when it is asked for."""

    DEFAULT_CPU_CLUSTER_NAME = "cpu-cluster"
    DEFAULT_GPU_CLUSTER_NAME = "gpu-cluster"
    DEFAULT_CPU_CLUSTER_CONFIGURATION: Any = None
    DEFAULT_GPU_CLUSTER_CONFIGURATION: Any = None

    @property
    def compute_targets(self) -> dict[str, ComputeTarget]:
        """Compute targets by name."""
        from mlsteps.sdk.compute import ComputeTarget

        return {target.name: target for target in ComputeTarget.list(self._whole())}

    @property
    def datastores(self) -> dict[str, Any]:
        """Datastores by name."""
        from mlsteps.registry.documents import list_datastores
        from mlsteps.sdk.datastore import Datastore

        return {name: Datastore.get(self._whole(), name) for name in list_datastores(self._whole()._store())}

    @property
    def datasets(self) -> dict[str, Any]:
        """The latest version of each registered dataset by name."""
        from mlsteps.registry import datasets
        from mlsteps.sdk.dataset import Dataset

        return {name: Dataset.get_by_name(self._whole(), name) for name in datasets.names(self._whole()._store())}

    @property
    def experiments(self) -> dict[str, Experiment]:
        """Experiments by name."""
        from mlsteps.sdk.experiment import Experiment

        return {experiment.name: experiment for experiment in Experiment.list(self._whole())}

    @property
    def environments(self) -> dict[str, Environment]:
        """The latest version of each registered environment by name, and curated ones."""
        from mlsteps.sdk.environment import Environment

        return Environment.list(self._whole())

    @property
    def models(self) -> dict[str, Model]:
        """The latest version of each model by name."""
        from mlsteps.sdk.model import Model

        return {model.name: model for model in Model.list(self._whole(), latest=True)}

    @property
    def webservices(self) -> dict[str, Any]:
        """Always empty: mlsteps deploys nothing."""
        return {}

    @property
    def images(self) -> dict[str, Any]:
        """Always empty: mlsteps builds no images ahead."""
        return {}

    @property
    def linked_services(self) -> dict[str, Any]:
        """Always empty."""
        return {}

    @property
    def private_endpoints(self) -> dict[str, Any]:
        """Always empty."""
        return {}

    # Parts

    def get_default_datastore(self) -> Any:
        """The default datastore; ``workspaceblobstore`` in a fresh workspace."""
        from mlsteps.sdk.datastore import Datastore

        return Datastore.get_default(self._whole())

    def set_default_datastore(self, name: str) -> None:
        """Make a datastore the default.

        :raises UserErrorException: when there is none of that name.
        """
        from mlsteps.registry.documents import set_default_datastore

        set_default_datastore(self._whole()._store(), name)

    def get_default_compute_target(self, type: str) -> ComputeTarget | None:
        """``cpu-cluster`` or ``gpu-cluster`` when it exists.

        :param type: ``CPU`` or ``GPU``.
        """
        names = {"CPU": self.DEFAULT_CPU_CLUSTER_NAME, "GPU": self.DEFAULT_GPU_CLUSTER_NAME}
        if str(type).upper() not in names:
            raise InvalidInput(f"The compute type is {type!r}", expected="'CPU' or 'GPU'")
        return self.compute_targets.get(names[str(type).upper()])

    def get_default_keyvault(self) -> Keyvault:
        """The workspace's secrets."""
        from mlsteps.sdk.keyvault import Keyvault

        return Keyvault(self._whole())

    def get_run(self, run_id: str) -> Run:
        """A run by its id, of the class that fits its type.

        :raises UserErrorException: when there is none.
        """
        from mlsteps.sdk.run import Run

        return Run.get(self._whole(), run_id)

    def _whole(self) -> Workspace:
        return cast("Workspace", self)
