"""What authoring code expects of the workspace's objects."""

from __future__ import annotations

import pytest
from msrest.exceptions import HttpOperationError

from azureml.core import Datastore, Environment, Run, RunConfiguration
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.compute_target import ComputeTargetException
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.run import _OfflineRun
from azureml.core.runconfig import DEFAULT_CPU_IMAGE
from azureml.core.workspace import Workspace
from azureml.data.azure_storage_datastore import AzureBlobDatastore
from azureml.exceptions import UserErrorException
from azureml.pipeline.core import PipelineEndpoint
from azureml.pipeline.core._restclients.aeva.models.error_response import ErrorResponseException
from tests.behaviour.conftest import World


def test_compute_is_looked_for_then_created_then_found(world: World) -> None:
    ws = world.workspace
    with pytest.raises(ComputeTargetException):
        ComputeTarget(workspace=ws, name="cpu-cluster")
    configuration = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", min_nodes=0, max_nodes=4)
    made = ComputeTarget.create(ws, "cpu-cluster", configuration)
    made.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    for found in (ComputeTarget(ws, "cpu-cluster"), AmlCompute(ws, "cpu-cluster"), ws.compute_targets["cpu-cluster"]):
        assert type(found) is AmlCompute and isinstance(found, ComputeTarget) and found.type == "AmlCompute"
        assert found.get_status().serialize() is not None
        assert found.serialize()["properties"]["properties"]["scaleSettings"]["maxNodeCount"] == 4


def test_the_workspace_can_be_printed(world: World, capsys) -> None:
    ws = world.workspace
    print(ws.name, ws.resource_group, ws.location, ws.subscription_id, sep="\n")
    assert len(capsys.readouterr().out.split()) == 4
    assert isinstance(ws, Workspace)


def test_the_default_datastore_is_a_blob_datastore_whose_container_may_be_registered_again(world: World) -> None:
    store = world.store
    assert isinstance(store, AzureBlobDatastore)
    again = Datastore.register_azure_blob_container(
        workspace=world.workspace,
        datastore_name="again",
        container_name=store.container_name,
        account_name=store.account_name,
        account_key=store.account_key,
        create_if_not_exists=True,
    )
    (world.folder / "there.txt").write_text("there")
    store.upload_files([str(world.folder / "there.txt")], target_path="shared")
    again.download(str(world.folder / "down"), prefix="shared")
    assert (world.folder / "down" / "shared" / "there.txt").read_text() == "there"


def test_chains_of_attributes_are_assigned(world: World) -> None:
    config = RunConfiguration()
    config.target = "cpu-cluster"
    config.environment.docker.enabled = True
    config.environment.docker.base_image = DEFAULT_CPU_IMAGE
    config.environment.python.user_managed_dependencies = False
    config.environment.python.conda_dependencies = CondaDependencies.create(conda_packages=["scikit-learn"])
    config.environment.environment_variables["DATASTORE_NAME"] = "x"
    config.docker.use_docker = True
    config.environment.spark.precache_packages = False
    assert config.environment.environment_variables == {"DATASTORE_NAME": "x"}


def test_unknown_settings_are_accepted_with_one_warning() -> None:
    config = RunConfiguration()
    with pytest.warns(UserWarning) as caught:
        config.environment.docker.some_new_setting = 1
    assert len(caught) == 1


@pytest.mark.parametrize("name", ["AzureML-sklearn-0.24-ubuntu18.04-py37-cpu", "AzureML-Minimal", "AzureML-Tutorial"])
def test_curated_names_resolve_to_something(world: World, name: str) -> None:
    assert Environment.get(world.workspace, name=name).name == name


def test_environments_are_listed_registered_and_restored(world: World) -> None:
    made = Environment("mine")
    made.python.conda_dependencies = CondaDependencies.create(pip_packages=["pandas"])
    made.register(world.workspace)
    assert "mine" in Environment.list(workspace=world.workspace)
    assert Environment.get(world.workspace, "mine").version == "1"


def test_outside_a_run_the_context_is_an_offline_run_that_scripts_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLSTEPS_RUN", raising=False)
    run = Run.get_context()
    assert type(run) == _OfflineRun and isinstance(run, _OfflineRun) and run.id.startswith("OfflineRun")  # noqa: E721
    assert "OfflineRun" in str(type(Run.get_context(allow_offline=True)))


def test_what_is_missing_is_made_by_whoever_catches_it(world: World) -> None:
    """Of the same idiom, what newer code catches and what older code does."""
    for name, error in (("newer", UserErrorException), ("older", HttpOperationError)):
        try:
            Datastore.get(world.workspace, name)
        except error:
            Datastore.register_azure_blob_container(world.workspace, name, "container", "account", account_key="a2V5")
        assert Datastore.get(world.workspace, name).container_name == "container"
    with pytest.raises(ErrorResponseException):
        PipelineEndpoint.get(world.workspace, name="nobody")
