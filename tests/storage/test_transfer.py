from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlsteps.errors import InvalidInput, StoreError
from mlsteps.storage.base import MissingFile
from mlsteps.storage.datasets import SourceFile, resolve_files
from mlsteps.storage.digests import tree_manifest
from mlsteps.storage.local import LocalStore
from mlsteps.storage.open import open_store
from mlsteps.storage.remote import FsspecStore
from mlsteps.storage.retry import is_passing, with_retries
from mlsteps.storage.transfer import download_files, link_files, upload_tree, verify
from tests.storage.contract import ODD_NAMES, paths
from tests.storage.trees import make_tree, read_tree

TREE = {"a.csv": "1", "sub/b.csv": "22", "sub/deep/ä ö.txt": "", **{f"odd/{name}": name for name in ODD_NAMES}}


def files_in(store, path: str) -> list[SourceFile]:
    return resolve_files({"type": "file", "paths": [{"datastore": "d", "path": path}]}, lambda _: store)


class Counted:
    """Counts what really passes through a store."""

    def __init__(self, store, monkeypatch) -> None:
        self.put: list[str] = []
        self.got: list[str] = []
        put, get = store.put_file, store.get_file

        def put_file(local, path, **options):
            self.put.append(path)
            return put(local, path, **options)

        def get_file(path, local):
            self.got.append(path)
            return get(path, local)

        monkeypatch.setattr(store, "put_file", put_file)
        monkeypatch.setattr(store, "get_file", get_file)


# -- upload


def test_a_tree_goes_there_and_comes_back(tmp_path, store) -> None:
    made = make_tree(tmp_path / "made", TREE)
    manifest = upload_tree(str(made), store, "azureml/run/out", overwrite=False)
    assert manifest.tree == tree_manifest(str(made)).tree
    assert {item.path: item.stamp for item in manifest.files} == {
        entry.path[len("azureml/run/out/") :]: entry.stamp for entry in store.list("azureml/run/out")
    }
    assert verify(manifest, store, "azureml/run/out") == []
    local = download_files(files_in(store, "azureml/run/out"), str(tmp_path / "back"), manifest=manifest)
    assert read_tree(tmp_path / "back") == read_tree(made)
    assert len(local) == len(TREE) and all(os.path.isfile(path) for path in local)
    assert read_tree(made).keys() == TREE.keys()


def test_a_single_file_is_an_output(tmp_path, store) -> None:
    (tmp_path / "f.bin").write_bytes(b"x")
    manifest = upload_tree(str(tmp_path / "f.bin"), store, "o/model.pkl", overwrite=False)
    assert manifest.is_file and [item.path for item in manifest.files] == [""]
    assert store.read("o/model.pkl") == b"x" and verify(manifest, store, "o/model.pkl") == []
    assert upload_tree(str(tmp_path / "f.bin"), store, "o/model.pkl", overwrite=False) == manifest
    (tmp_path / "f.bin").write_bytes(b"y")
    with pytest.raises(StoreError, match=r"o/model\.pkl exists already"):
        upload_tree(str(tmp_path / "f.bin"), store, "o/model.pkl", overwrite=False)
    changed = upload_tree(str(tmp_path / "f.bin"), store, "o/model.pkl", overwrite=True, move=True)
    assert store.read("o/model.pkl") == b"y" and not (tmp_path / "f.bin").exists()
    assert verify(changed, store, "o/model.pkl") == []
    assert verify(manifest, store, "o/model.pkl") != []


def test_an_empty_output_is_whole(tmp_path, local_store, memory_store) -> None:
    made = make_tree(tmp_path / "made", {})
    for store in (local_store, memory_store):
        manifest = upload_tree(str(made), store, "o", overwrite=False)
        assert manifest.files == () and verify(manifest, store, "o") == []
    assert local_store.kind("o") == "directory"


def test_nothing_at_the_source_is_named(tmp_path, store) -> None:
    with pytest.raises(MissingFile, match="nowhere"):
        upload_tree(str(tmp_path / "nowhere"), store, "o", overwrite=False)


def test_globs_choose(tmp_path, store) -> None:
    made = make_tree(tmp_path / "made", {"a.csv": "", "b.txt": "", "s/c.csv": "", "s/t/d.csv": ""})
    for globs, chosen in (
        (["*.csv"], ["a.csv"]),
        (["**/*.csv"], ["a.csv", "s/c.csv", "s/t/d.csv"]),
        (["./s/*", "b.*"], ["b.txt", "s/c.csv"]),
        (["nothing"], []),
    ):
        manifest = upload_tree(str(made), store, "o-" + globs[0].replace("*", "x"), overwrite=False, globs=globs)
        assert [item.path for item in manifest.files] == chosen


def test_move_takes_the_files(tmp_path, store) -> None:
    made = make_tree(tmp_path / "made", TREE)
    before = read_tree(made)
    upload_tree(str(made), store, "o", overwrite=False, move=True)
    assert read_tree(made) == {}
    assert {path[2:]: store.read(path) for path in paths(store, "o")} == before


def test_move_on_one_file_system_copies_nothing(tmp_path) -> None:
    store = LocalStore(str(tmp_path / "store"))
    made = make_tree(tmp_path / "made", {"big": "x" * 100})
    inode = os.stat(made / "big").st_ino
    upload_tree(str(made), store, "o", overwrite=False, move=True)
    assert os.stat(store.local_path("o/big")).st_ino == inode


def test_an_output_written_in_its_final_place_stays_there(local_store) -> None:
    place = make_tree(
        local_store.below("o").root and __import__("pathlib").Path(local_store.local_path("o")), {"a": "1"}
    )
    for _ in range(2):
        manifest = upload_tree(str(place), local_store, "o", overwrite=True, move=True)
        assert read_tree(place) == {"a": b"1"} and verify(manifest, local_store, "o") == []


def test_another_file_in_the_way_stops_everything_before_it_starts(tmp_path, store) -> None:
    made = make_tree(tmp_path / "made", {"a": "1", "b": "2", "c": "3"})
    store.write("o/b", b"9")
    with pytest.raises(StoreError, match=r"o/b exists already"):
        upload_tree(str(made), store, "o", overwrite=False)
    assert paths(store, "o") == ["o/b"] and store.read("o/b") == b"9"
    upload_tree(str(made), store, "o", overwrite=True)
    assert store.read("o/b") == b"2"


def test_what_is_there_already_is_not_sent_again(tmp_path, store, monkeypatch) -> None:
    made = make_tree(tmp_path / "made", {"a": "1", "b": "2", "c": "3"})
    first = upload_tree(str(made), store, "o", overwrite=False)
    store.delete("o/b")
    counted = Counted(store, monkeypatch)
    again = upload_tree(str(made), store, "o", overwrite=False)
    assert counted.put == ["o/b"] and again.tree == first.tree
    assert verify(again, store, "o") == []


def test_a_manifest_spares_reading_the_store(tmp_path, memory_store, monkeypatch) -> None:
    made = make_tree(tmp_path / "made", {"a": "1", "b": "2"})
    first = upload_tree(str(made), memory_store, "o", overwrite=False)
    (made / "b").write_text("3")
    counted = Counted(memory_store, monkeypatch)
    monkeypatch.setattr(memory_store, "open", None)
    second = upload_tree(str(made), memory_store, "o", overwrite=True, manifest=first)
    assert counted.put == ["o/b"] and second.tree == tree_manifest(str(made)).tree


def test_links_in_an_output_are_copied_and_loops_refused(tmp_path, store) -> None:
    made = make_tree(tmp_path / "made", {"a": "1"})
    make_tree(tmp_path / "input", {"x": "data", "d/y": "more"})
    os.symlink(tmp_path / "input" / "x", made / "x")
    os.symlink(tmp_path / "input" / "d", made / "d")
    upload_tree(str(made), store, "o", overwrite=False, move=True)
    assert {path: store.read(path) for path in paths(store, "o")} == {"o/a": b"1", "o/d/y": b"more", "o/x": b"data"}
    assert (tmp_path / "input" / "x").read_text() == "data"
    os.symlink(made, made / "circle")
    with pytest.raises(StoreError, match=r"circle.*loop"):
        upload_tree(str(made), store, "o2", overwrite=False)
    assert paths(store, "o2") == []


def test_paths_that_leave_the_store_are_refused(tmp_path, store) -> None:
    made = make_tree(tmp_path / "made", {"a": "1"})
    for path in ("../o", "/o", "a/../../o"):
        with pytest.raises(InvalidInput):
            upload_tree(str(made), store, path, overwrite=False)


def test_a_kill_in_the_middle_and_again_ends_as_undisturbed(tmp_path) -> None:
    made = make_tree(tmp_path / "made", {f"f{number:02d}": str(number) * 50 for number in range(30)})
    store = open_store(str(tmp_path / "store"))
    script = """
import os, sys
from mlsteps.storage import files
from mlsteps.storage.local import LocalStore
from mlsteps.storage.transfer import upload_tree
real, seen = files.write_all, []
def dies(file, data):
    seen.append(1)
    if len(seen) == 15:
        real(file, bytes(data)[:7])
        os.kill(os.getpid(), 9)
    real(file, data)
files.write_all = dies
upload_tree(sys.argv[1], LocalStore(sys.argv[2]), "o", overwrite=False)
"""
    arguments = [sys.executable, "-c", script, str(made), str(tmp_path / "store")]
    assert subprocess.run(arguments, check=False).returncode == -9
    there = {path: store.read(path) for path in paths(store, "o")}
    assert 0 < len(there) < 30
    assert all(content == read_tree(made)[path[2:]] for path, content in there.items())
    manifest = upload_tree(str(made), store, "o", overwrite=False)
    assert manifest.tree == tree_manifest(str(made)).tree and verify(manifest, store, "o") == []


def test_many_workers_bring_everything_once(tmp_path, memory_store, monkeypatch) -> None:
    made = make_tree(tmp_path / "made", {f"d{n % 5}/f{n}": str(n) for n in range(100)})
    counted = Counted(memory_store, monkeypatch)
    manifest = upload_tree(str(made), memory_store, "o", overwrite=False, workers=8)
    assert len(counted.put) == 100 and manifest.tree == tree_manifest(str(made)).tree


def test_the_first_failure_ends_it(tmp_path, memory_store, monkeypatch) -> None:
    made = make_tree(tmp_path / "made", {f"f{n:03d}": str(n) for n in range(400)})
    put, seen = memory_store.put_file, []

    def put_file(local, path, **options):
        seen.append(path)
        if path == "o/f005":
            raise StoreError("the store is full")
        time.sleep(0.005)
        return put(local, path, **options)

    monkeypatch.setattr(memory_store, "put_file", put_file)
    with pytest.raises(StoreError, match="full"):
        upload_tree(str(made), memory_store, "o", overwrite=False, workers=4)
    assert len(seen) < 400


# -- download


def test_a_file_that_is_there_already_is_not_fetched_again(tmp_path, store, monkeypatch) -> None:
    made = make_tree(tmp_path / "made", {"a": "1", "b": "2", "c": "3"})
    manifest = upload_tree(str(made), store, "o", overwrite=False)
    target = str(tmp_path / "back")
    download_files(files_in(store, "o"), target, manifest=manifest)
    os.unlink(tmp_path / "back" / "b")
    counted = Counted(store, monkeypatch)
    download_files(files_in(store, "o"), target, manifest=manifest)
    assert counted.got == ["o/b"]


def test_another_local_file_is_in_the_way_unless_told(tmp_path, store) -> None:
    store.write("o/a", b"1")
    store.write("o/b", b"2")
    target = make_tree(tmp_path / "back", {"b": "9"})
    with pytest.raises(StoreError, match=r"back/b exists already"):
        download_files(files_in(store, "o"), str(target))
    assert read_tree(target) == {"b": b"9"}
    download_files(files_in(store, "o"), str(target), overwrite=True)
    assert read_tree(target) == {"a": b"1", "b": b"2"}


def test_a_file_altered_since_its_manifest_is_refused(tmp_path, store) -> None:
    made = make_tree(tmp_path / "made", {"a": "1"})
    manifest = upload_tree(str(made), store, "o", overwrite=False)
    store.write("o/a", b"2")
    with pytest.raises(StoreError, match=r"o/a is no longer"):
        download_files(files_in(store, "o"), str(tmp_path / "back"), manifest=manifest)
    assert read_tree(tmp_path / "back") == {}


def test_names_that_leave_the_target_are_refused(tmp_path, store) -> None:
    store.write("f", b"")
    for relative in ("../f", "/etc/f", "a/../../f"):
        with pytest.raises(InvalidInput):
            download_files([SourceFile(store, "f", relative, 0, "")], str(tmp_path / "back"))
        with pytest.raises(InvalidInput):
            link_files([SourceFile(open_store(str(tmp_path)), "f", relative, 0, "")], str(tmp_path / "back"))
    twice = [SourceFile(store, "f", "same", 0, "")] * 2
    with pytest.raises(StoreError, match="same"):
        download_files(twice, str(tmp_path / "back"))


def test_downloading_through_a_link_does_not_write_into_its_target(tmp_path, store) -> None:
    store.write("o/a", b"new")
    (tmp_path / "precious").write_text("old")
    (tmp_path / "back").mkdir()
    os.symlink(tmp_path / "precious", tmp_path / "back" / "a")
    download_files(files_in(store, "o"), str(tmp_path / "back"), overwrite=True)
    assert (tmp_path / "precious").read_text() == "old" and (tmp_path / "back" / "a").read_text() == "new"


# -- links


def test_local_files_are_linked_and_others_are_not(tmp_path, local_store, memory_store) -> None:
    for store in (local_store, memory_store):
        for name in TREE:
            store.write(f"d/{name}", name.encode())
    assert link_files(files_in(local_store, "d"), str(tmp_path / "in")) is True
    assert read_tree(tmp_path / "in") == {name: name.encode() for name in TREE}
    assert os.path.islink(tmp_path / "in" / "a.csv") and not os.path.islink(tmp_path / "in" / "sub")
    assert link_files(files_in(local_store, "d"), str(tmp_path / "in")) is True
    mixed = files_in(local_store, "d/a.csv") + files_in(memory_store, "d/sub")
    assert link_files(mixed, str(tmp_path / "other")) is False
    assert not (tmp_path / "other").exists()


def test_something_in_the_way_of_a_link_is_named(tmp_path, local_store) -> None:
    local_store.write("d/a", b"1")
    make_tree(tmp_path / "in", {"a": "mine"})
    with pytest.raises(StoreError, match=r"in/a is in the way"):
        link_files(files_in(local_store, "d"), str(tmp_path / "in"))
    assert (tmp_path / "in" / "a").read_text() == "mine"


# -- verification


@pytest.fixture
def committed(tmp_path, store):
    made = make_tree(tmp_path / "made", {"a": "1", "b/c": "22", "odd #%?": "3"})
    return upload_tree(str(made), store, "o", overwrite=False)


def test_what_is_missing_or_altered_is_named(store, committed) -> None:
    store.delete("o/a")
    store.write("o/b/c", b"33")
    store.write("o/odd #%?", b"longer")
    found = verify(committed, store, "o")
    assert len(found) == 3
    assert found[0].endswith("o/a is missing")
    assert any("odd #%?" in line and "6 bytes instead of 1" in line for line in found)
    assert any("o/b/c" in line and "another content" in line for line in found)


def test_written_again_with_the_same_bytes_is_intact(store, committed) -> None:
    time.sleep(0.002)
    store.write("o/b/c", b"22")
    assert verify(committed, store, "o") == []


def test_a_touched_local_file_is_intact(local_store, tmp_path) -> None:
    manifest = upload_tree(str(make_tree(tmp_path / "m", {"a": "1"})), local_store, "o", overwrite=False)
    os.utime(local_store.local_path("o/a"), (1, 1))
    assert verify(manifest, local_store, "o") == []
    local_store.write("o/a", b"2")
    os.utime(local_store.local_path("o/a"), (1, 1))
    assert len(verify(manifest, local_store, "o")) == 1


def test_a_large_remote_file_with_another_stamp_counts_as_altered(memory_store, tmp_path, monkeypatch) -> None:
    manifest = upload_tree(str(make_tree(tmp_path / "m", {"a": "123"})), memory_store, "o", overwrite=False)
    time.sleep(0.002)
    memory_store.write("o/a", b"123")
    monkeypatch.setattr("mlsteps.storage.verify.READ_AGAIN", 2)
    assert len(verify(manifest, memory_store, "o")) == 1


def test_files_added_are_named_when_asked(store, committed) -> None:
    store.write("o/new", b"")
    assert verify(committed, store, "o") == []
    assert verify(committed, store, "o", extras=True) == [f"{store.url_of('o/new')} was added"]


def test_a_whole_output_gone_is_named_file_by_file(store, committed) -> None:
    store.delete("o")
    assert len(verify(committed, store, "o")) == 3


def test_one_listing_verifies_everything(memory_store, tmp_path, monkeypatch) -> None:
    made = make_tree(tmp_path / "m", {f"f{n}": str(n) for n in range(50)})
    manifest = upload_tree(str(made), memory_store, "o", overwrite=False)
    calls = []
    real = memory_store._fs.find
    with monkeypatch.context() as patch:
        patch.setattr(memory_store._fs, "find", lambda *a, **k: calls.append(a) or real(*a, **k))
        patch.setattr(memory_store._fs, "info", lambda *a, **k: pytest.fail("a request for one file"))
        assert verify(manifest, memory_store, "o") == [] and len(calls) == 1


# -- trying again


class Flaky(FsspecStore):
    """A memory store whose connection breaks the first times."""

    breaks = 0

    def _send(self, source, at, passing):
        with threading.Lock():
            if type(self).breaks > 0:
                type(self).breaks -= 1
                raise ConnectionResetError("reset by peer")
        return super()._send(source, at, passing)


def test_a_reset_connection_is_tried_again(tmp_path, memory_store, monkeypatch) -> None:
    monkeypatch.setattr("mlsteps.storage.retry._pause", lambda *_: 0.0)
    flaky = Flaky(memory_store.url, memory_store._fs, memory_store._root, "memory")
    made = make_tree(tmp_path / "made", {f"f{n}": str(n) for n in range(10)})
    monkeypatch.setattr(Flaky, "breaks", 4)
    manifest = upload_tree(str(made), flaky, "o", overwrite=False, workers=1)
    assert verify(manifest, memory_store, "o") == []
    monkeypatch.setattr(Flaky, "breaks", 100)
    with pytest.raises(StoreError, match="reset by peer"):
        upload_tree(str(made), flaky, "o2", overwrite=False, workers=1)
    assert paths(memory_store, "o2") == []


def test_only_passing_errors_are_tried_again() -> None:
    class Throttled(Exception):
        status_code = 429

    for error, passes in (
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (OSError(110, "timed out"), True),
        (Throttled(), True),
        (StoreError("x", ConnectionResetError()), False),
        (PermissionError(13, "no"), False),
        (FileNotFoundError(), False),
        (OSError(28, "No space left on device"), False),
        (ValueError(), False),
    ):
        assert is_passing(error) is passes, error
        calls = []

        def work(error=error, calls=calls):
            calls.append(1)
            raise error

        with pytest.raises(type(error)):
            with_retries(work, attempts=3, sleep=lambda _: None)
        assert len(calls) == (3 if passes else 1)


def test_the_wait_doubles_and_follows_the_server() -> None:
    class Busy(Exception):
        status = 503
        headers: dict[str, str] = {}

    waited: list[float] = []

    def work():
        raise Busy

    with pytest.raises(Busy):
        with_retries(work, attempts=4, sleep=waited.append)
    assert all(0.1 <= seconds <= 1.1 for seconds in waited) and waited == sorted(waited) and len(waited) == 3
    Busy.headers = {"Retry-After": "7"}
    waited.clear()
    with pytest.raises(Busy):
        with_retries(work, attempts=2, sleep=waited.append)
    assert waited == [7.0]


# -- whatever the tree


parts = st.text(st.characters(exclude_characters="/\0\\", exclude_categories=["Cs"]), min_size=1, max_size=5).filter(
    lambda part: part not in (".", "..") and not (len(part) == 2 and part[1] == ":") and len(part.encode()) < 200
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(st.lists(parts, min_size=1, max_size=3).map("/".join), st.binary(max_size=5), max_size=5))
def test_any_tree_survives_the_way_there_and_back(tmp_path_factory, memory_store, local_store, tree) -> None:
    names = list(tree)
    if any(one != two and (two + "/").startswith(one + "/") for one in names for two in names):
        return
    folder = tmp_path_factory.mktemp("tree")
    made = make_tree(folder / "made", tree)
    for store in (memory_store, local_store):
        manifest = upload_tree(str(made), store, folder.name, overwrite=False)
        assert verify(manifest, store, folder.name) == []
        target = folder / type(store).__name__
        if tree:
            download_files(files_in(store, folder.name), str(target), manifest=manifest)
            assert tree_manifest(str(target)).tree == manifest.tree == tree_manifest(str(made)).tree
