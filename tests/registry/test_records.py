from __future__ import annotations

from dataclasses import replace

import pytest

from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.contracts.record import OutputRecord, StepRecord
from mlsteps.errors import InvalidInput
from mlsteps.registry import records


def record(fingerprint="ab12", created=1.0, name="train", **preimage):
    made = {"type": "PythonScript", "details": {"name": name}, **preimage}
    outputs = {"model": OutputRecord("blob", "azureml/1/model", "tree", "manifests/1/model.json", size=3)}
    return StepRecord(fingerprint, made, {"run_id": "r", "step_name": name}, outputs, created, 2.0)


def test_a_record_comes_back_whole(ws):
    made = record()
    assert records.put_record(ws, made) == made
    assert records.get_records(ws, ["ab12", "cd34", ""]) == {"ab12": made}


def test_the_first_record_counts(ws):
    first = records.put_record(ws, record(created=1.0))
    assert records.put_record(ws, record(created=2.0)) == first
    assert records.get_records(ws, ["ab12"])["ab12"].created == 1.0


def test_a_record_that_no_longer_holds_is_replaced(ws):
    records.put_record(ws, record(created=1.0))
    records.put_record(ws, record(created=2.0), replace=True)
    assert records.get_records(ws, ["ab12"])["ab12"].created == 2.0


def test_without_a_fingerprint_nothing_is_stored(ws):
    records.put_record(ws, record(fingerprint=""))
    records.replace_record(ws, record(fingerprint=""))
    assert ws.names("records") == []


def test_no_path_can_be_made_of_a_fingerprint(ws):
    with pytest.raises(InvalidInput, match="no fingerprint"):
        records.get_records(ws, ["../../x"])


@pytest.mark.parametrize("content", [b"{torn", b"[]", b'{"version": 99}', b'{"fingerprint": "ab12"}', b"\xff"])
def test_a_damaged_record_is_a_miss_and_is_replaced(ws, content):
    records.put_record(ws, record())
    records.put_record(ws, record("cd34"))
    ws.store.write("records/ab/ab12.json", content)
    assert set(records.get_records(ws, ["ab12", "cd34"])) == {"cd34"}
    records.put_record(ws, record(created=5.0))
    assert records.get_records(ws, ["ab12"])["ab12"].created == 5.0


def test_the_nearest_record_is_of_the_same_step_and_differs_least(ws):
    records.put_record(ws, record("aa", 1.0, source="s1", version="1"))
    records.put_record(ws, record("bb", 2.0, source="s2", version="2"))
    records.put_record(ws, record("cc", 3.0, name="other", source="s1", version="3"))
    wanted = record("dd", source="s1", version="3").preimage
    assert records.nearest_record(ws, wanted).fingerprint == "aa"
    assert records.nearest_record(ws, record("ee", source="s9", version="9").preimage).fingerprint == "bb", "the newest"
    assert records.nearest_record(ws, {**wanted, "type": "Command"}) is None


def test_manifests_come_back(ws):
    manifest = OutputManifest.of([FileEntry("a.csv", 3, "00ff", "123")])
    path = records.put_manifest(ws, "run-1", "out put/1", manifest)
    assert records.get_manifest(ws, path) == manifest
    assert records.get_manifest(ws, "manifests/run-1/none.json") is None
    assert replace(manifest, tree="x") != manifest
