"""Clean-up of a workspace that lies in S3 or in a blob container."""

from __future__ import annotations

import json
import time

import pytest

from mlsteps.registry import records
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.reuse.garbage import DAY, DELETE, LATER, collect
from mlsteps.reuse.verify import opener
from tests.components.conftest import azure_account
from tests.reuse.test_garbage import PIPELINE, actions, aged, files, run_of
from tests.reuse.world import BLOB, World


@pytest.fixture(params=["s3", "blob"])
def world(request, tmp_path, monkeypatch) -> World:
    place = request.getfixturevalue(request.param)
    if request.param == "s3":
        secrets = place["credentials"]
        extra = {"endpoint_url": secrets["endpoint_url"], "region_name": "eu-west-1"}
        known = {"conn_type": "aws", "login": secrets["key"], "password": secrets["secret"], "extra": extra}
        root = place["document"]["url"].replace("s3://", "s3://cleanup@")
    else:
        account = azure_account()
        known = {"conn_type": "wasb", "login": account["AccountName"], "password": account["AccountKey"]}
        known["extra"] = {"account_url": account["BlobEndpoint"]}
        known["host"] = account["BlobEndpoint"]
        root = f"abfs://cleanup@{place['document']['container_name']}/root"
    monkeypatch.setenv("AIRFLOW_CONN_CLEANUP", json.dumps(known))
    made = World(tmp_path)
    made.ws = open_workspace({"name": "w", "root": root})
    made.store = opener(made.ws)(BLOB)
    return made


def test_old_outputs_go_when_no_older_run_runs(world) -> None:
    world.run(*PIPELINE)
    world.run(*PIPELINE)
    assert world.executed == []
    aged(world)
    run_of(world, "running", created=time.time() - 60, status="Running")
    assert set(actions(collect(world.ws, 30 * DAY)).values()) == {LATER}
    assert len(files(world)) == 2 and records.all_records(world.ws) == []
    RunStore(world.ws).write("running", "status", status="Completed")
    assert set(actions(collect(world.ws, 30 * DAY)).values()) == {DELETE}
    assert files(world) == [] and world.ws.names("removals") == []
    world.run(*PIPELINE)
    assert world.executed == ["prepare", "train"]
