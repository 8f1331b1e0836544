from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlsteps.errors import StoreError
from mlsteps.storage.workspace_store import WorkspaceStore


@pytest.fixture(params=["local", "memory"])
def ws(request, tmp_path):
    return WorkspaceStore(str(tmp_path / "ws") if request.param == "local" else f"memory://{uuid.uuid4().hex}")


def test_documents_come_back(ws) -> None:
    document = {"ä": [1, 2.5, None, True], "nested": {"x": "\udcff"}}
    ws.write_json("a/b.json", document)
    assert ws.read_json("a/b.json") == document
    assert ws.read_json("a/absent.json") is None


def test_create_answers_whether_it_made_it(ws) -> None:
    assert ws.create_json("r/x.json", {"n": 1}) is True
    assert ws.create_json("r/x.json", {"n": 2}) is False
    assert ws.read_json("r/x.json") == {"n": 1}


def test_versions_given_out_at_once_are_all_different(ws) -> None:
    def allocate(who: int) -> int:
        number = 1
        while not ws.create_json(f"datasets/d/{number}.json", {"who": who}):
            number += 1
        return number

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(allocate, range(12))) == list(range(1, 13))


def test_names_are_documents_and_folders_once_each(ws) -> None:
    for path in ("models/m/1.json", "models/m/1/files/f", "models/m/2.json", "models/n/1.json"):
        ws.write_json(path, {})
    assert ws.names("models/m") == ["1", "2"]
    assert ws.names("models") == ["m", "n"]
    assert ws.names("absent") == []


def test_many_at_once_leave_out_the_absent(ws) -> None:
    for number in range(40):
        ws.write_json(f"records/{number}.json", {"n": number})
    wanted = [f"records/{number}.json" for number in range(50)]
    assert ws.read_many(wanted) == {f"records/{number}.json": {"n": number} for number in range(40)}
    assert ws.read_many([]) == {}


def test_a_damaged_document_is_named(ws) -> None:
    ws.store.write("a.json", b'{"half":')
    with pytest.raises(StoreError, match=r"a\.json is damaged"):
        ws.read_json("a.json")


def test_delete(ws) -> None:
    ws.write_json("a/b.json", {})
    ws.delete("a/b.json")
    ws.delete("a/b.json")
    assert ws.read_json("a/b.json") is None
