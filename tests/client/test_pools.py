"""Pools of compute targets, on a real embedded Airflow: made as large as ``max_nodes``, missed before a run hangs."""

from __future__ import annotations

import pytest

from mlsteps.cli import health_airflow
from mlsteps.client import pools
from mlsteps.client.target import Target, target_of
from mlsteps.errors import UserErrorException
from mlsteps.registry.placements import put_placement
from mlsteps.sdk.amlcompute import AmlCompute
from mlsteps.sdk.compute import ComputeTarget
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace

pytestmark = pytest.mark.airflow


def test_a_run_waits_in_no_pool_that_is_not_there(home, tmp_path) -> None:
    """As an Airflow is asked that is not the script's own, which makes every pool that a DAG names."""
    ws = Workspace(None, None, "pools")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "step.py").touch()
    step = PythonScriptStep("step.py", name="step", source_directory=str(tmp_path / "source"), compute_target="gpus")
    graph, store = Pipeline(ws, [step])._graph(), ws._store()
    target = Target(target_of(ws._reference()).api, None)
    pools.have(store, graph, target.has_pool)  # nothing is said of pools
    put_placement(store, {"name": "gpus", "kind": "local", "pool": "team-gpus"})
    with pytest.raises(UserErrorException, match="'gpus' wait in the Airflow pool 'team-gpus', which is not there"):
        pools.have(store, graph, target.has_pool)

    ComputeTarget.create(ws, "gpus", AmlCompute.provisioning_configuration("STANDARD_NC6", max_nodes=3))
    pools.have(store, graph, target.has_pool)
    made = target.api._request("GET", "/api/v2/pools/team-gpus").json()
    assert (made["slots"], made["include_deferred"]) == (3, True)

    put_placement(store, {"name": "cpus", "kind": "local", "pool": "team-cpus"})
    found = {item.what: (item.state, item.mend) for item in health_airflow.pools(ws, target)}
    assert found["pool team-gpus"] == ("ok", "")
    assert found["pool team-cpus"] == ("FAULT", "airflow mlsteps compute set cpus --pool team-cpus --slots 4")
