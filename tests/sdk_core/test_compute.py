from __future__ import annotations

import copy
import json

import pytest

from mlsteps.errors import ComputeTargetException
from mlsteps.sdk import other_computes as others
from mlsteps.sdk.amlcompute import AmlCompute, AmlComputeStatus
from mlsteps.sdk.compute import ComputeTarget
from mlsteps.sdk.runconfig import RunConfiguration


def make(ws, name="cpu-cluster", **more):
    given = {"vm_size": "STANDARD_D2_V2", "max_nodes": 4, **more}
    return ComputeTarget.create(ws, name, AmlCompute.provisioning_configuration(**given))


def test_get_or_create_as_every_notebook_does(ws, capsys):
    try:
        target = ComputeTarget(workspace=ws, name="cpu-cluster")
        raise AssertionError("it cannot exist")
    except ComputeTargetException as error:
        assert "ComputeTargetNotFound" in error.message
        target = make(ws)
        target.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    out = capsys.readouterr().out
    assert "Creating" in out and "Succeeded" in out and "AmlCompute wait for completion finished" in out
    found = ComputeTarget(ws, "cpu-cluster")
    assert type(found) is AmlCompute and found.type == "AmlCompute" and isinstance(found, ComputeTarget)
    assert type(AmlCompute(ws, "cpu-cluster")) is AmlCompute
    assert "cpu-cluster" in ws.compute_targets and type(ws.compute_targets["cpu-cluster"]) is AmlCompute
    assert found.provisioning_state == "Succeeded" and found.id == target.id


def test_what_scripts_read_of_it(ws):
    make(ws, tags={"k": "v"}, min_nodes=1)
    found = ComputeTarget(ws, "CPU-cluster")
    status = found.get_status().serialize()
    assert status["provisioningState"] == "Succeeded" and status["vmSize"] == "STANDARD_D2_V2"
    assert status["scaleSettings"] == {"minNodeCount": 1, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT1800S"}
    assert AmlComputeStatus.deserialize(status).serialize() == status
    data = found.serialize()
    assert data["properties"]["properties"]["scaleSettings"]["maxNodeCount"] == 4
    assert data["properties"]["computeType"] == "AmlCompute" and data["tags"] == {"k": "v"}
    json.dumps(data)
    assert ComputeTarget.deserialize(ws, data).name == "cpu-cluster"
    assert found.vm_size == "STANDARD_D2_V2" and found.scale_settings.maximum_node_count == 4


def test_update_and_delete(ws):
    target = make(ws)
    target.update(max_nodes=8)
    assert ComputeTarget(ws, "cpu-cluster").scale_settings.maximum_node_count == 8
    with pytest.raises(ComputeTargetException, match="min_nodes <= max_nodes"):
        target.update(min_nodes=9)
    with pytest.raises(ComputeTargetException, match="delete"):
        target.detach()
    target.delete()
    assert ws.compute_targets == {}
    with pytest.raises(ComputeTargetException):
        target.refresh_state()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_nodes": -1}, "max_nodes is -1"),
        ({"min_nodes": 5, "max_nodes": 2}, "min_nodes <= max_nodes"),
        ({"max_nodes": "many"}, "'many'"),
        ({"vm_priority": "cheap"}, "vm_priority"),
        ({"vnet_name": "v"}, "together"),
        ({"remote_login_port_public_access": "yes"}, "remote_login"),
    ],
)
def test_configurations_that_cannot_be(given, message):
    with pytest.raises(ComputeTargetException, match=message):
        AmlCompute.provisioning_configuration(**given)


def test_defaults_and_numbers_as_text():
    made = AmlCompute.provisioning_configuration()
    assert (made.vm_size, made.scale_settings.maximum_node_count) == ("STANDARD_NC6", 4)
    assert AmlCompute.provisioning_configuration(max_nodes="6").scale_settings.maximum_node_count == 6


@pytest.mark.parametrize("name", ["", "1a", "a_b", "a/b", "x" * 40, None])
def test_names_that_cannot_be(ws, name):
    with pytest.raises(ComputeTargetException):
        make(ws, name)
    with pytest.raises(ComputeTargetException):
        ComputeTarget(ws, name)


ATTACHED = [
    (others.DataFactoryCompute, {"resource_group": "g", "factory_name": "f"}),
    (others.DatabricksCompute, {"resource_group": "g", "workspace_name": "w", "access_token": "GEHEIM"}),
    (others.RemoteCompute, {"username": "u", "address": "h", "password": "GEHEIM"}),
    (others.HDInsightCompute, {"username": "u", "address": "h", "private_key_passphrase": "GEHEIM"}),
    (others.BatchCompute, {"resource_group": "g", "account_name": "a"}),
    (others.AdlaCompute, {"resource_id": "/x"}),
    (others.KustoCompute, {"resource_group": "g", "workspace_name": "w", "application_key": "GEHEIM"}),
    (others.SynapseCompute, {"linked_service": "l", "type": "SynapseSpark", "pool_name": "p"}),
    (others.KubernetesCompute, {"resource_id": "/x", "namespace": "n"}),
    (others.AksCompute, {"resource_group": "g", "cluster_name": "c"}),
]


@pytest.mark.parametrize(("kind", "given"), ATTACHED)
def test_attached_targets_are_of_their_class_and_keep_no_secret(ws, kind, given):
    made = ComputeTarget.attach(ws, "mine", kind.attach_configuration(**given))
    made.wait_for_completion(True)
    found = ComputeTarget(ws, "mine")
    assert type(found) is kind and found.is_attached
    assert "GEHEIM" not in json.dumps(ws._store().read_json("computes/mine.json"))
    for key, value in given.items():
        if value != "GEHEIM":
            assert getattr(found, key) == value
    with pytest.raises(ComputeTargetException, match="is of type"):
        AmlCompute(ws, "mine")
    found.detach()
    assert ComputeTarget.list(ws) == []


def test_created_targets_of_other_kinds(ws):
    factory = ComputeTarget.create(ws, "adf", others.DataFactoryCompute.provisioning_configuration())
    machine = ComputeTarget.create(ws, "ci", others.ComputeInstance.provisioning_configuration(vm_size="D3"))
    assert type(factory) is others.DataFactoryCompute and factory.type == "DataFactory"
    assert machine.get_status().serialize()["state"] == "Running" and machine.get_status().vm_size == "D3"
    with pytest.raises(ComputeTargetException, match="provisioning configuration"):
        ComputeTarget.create(ws, "x", "cpu")
    with pytest.raises(ComputeTargetException, match="attach configuration"):
        ComputeTarget.attach(ws, "x", None)
    with pytest.raises(ComputeTargetException, match="factory_name"):
        others.DataFactoryCompute.attach_configuration(resource_group="g")


def test_a_target_goes_into_a_run_configuration(ws):
    target = make(ws)
    config = RunConfiguration()
    config.target = target
    assert config.target == "cpu-cluster" and config._compute() == {"name": "cpu-cluster", "type": "AmlCompute"}
    assert copy.deepcopy(config)._compute() == config._compute()
