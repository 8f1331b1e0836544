from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import uuid

import pytest

from mlsteps.errors import InvalidInput, StoreError, UnsupportedFeature
from mlsteps.storage.base import TEMPORARY, Store, redact, safe_path
from mlsteps.storage.local import LocalStore
from mlsteps.storage.open import open_datastore, open_store
from mlsteps.storage.remote import FsspecStore
from tests.storage.contract import StoreContract, paths


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path_factory) -> Store:
        return open_store(str(tmp_path_factory.mktemp("root") / "store"))

    def test_nothing_is_made_before_something_is_written(self, store: Store) -> None:
        assert paths(store) == [] and store.kind("") is None and store.children("") == []
        assert not os.path.exists(store.local_path("") or "")

    def test_a_url_opens_the_same_store(self, store: Store) -> None:
        store.write("a b%20#?/f", b"x")
        again = open_store(store.url_of("a b%20#?"))
        assert again.read("f") == b"x"
        assert again.local_path("f") == store.local_path("a b%20#?/f")

    def test_links_are_followed_and_circles_passed_by(self, store: Store, tmp_path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "f").write_bytes(b"x")
        store.write("d/own", b"")
        root = store.local_path("d")
        os.symlink(tmp_path / "elsewhere", f"{root}/linked")
        os.symlink(f"{root}", f"{root}/circle")
        os.symlink(f"{root}/absent", f"{root}/broken")
        os.symlink(tmp_path / "elsewhere" / "f", f"{root}/file")
        assert paths(store) == ["d/file", "d/linked/f", "d/own"]

    def test_a_folder_that_cannot_be_read_is_never_passed_by_mocked(self, store: Store, monkeypatch) -> None:
        store.write("d/locked/f", b"")
        real = os.scandir

        def refuse(path):
            if str(path).endswith("locked"):
                raise PermissionError(13, "Permission denied")
            return real(path)

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(StoreError, match=r"d/locked cannot be read: Permission denied"):
            list(store.list("d"))

    def test_move_does_not_take_what_others_share(self, store: Store, tmp_path) -> None:
        (tmp_path / "shared").write_bytes(b"x")
        os.link(tmp_path / "shared", tmp_path / "second")
        os.symlink(tmp_path / "shared", tmp_path / "link")
        store.put_file(str(tmp_path / "second"), "a", move=True)
        store.put_file(str(tmp_path / "link"), "b", move=True)
        (tmp_path / "shared").write_bytes(b"changed later")
        assert (store.read("a"), store.read("b")) == (b"x", b"x")
        assert not os.path.lexists(tmp_path / "second") and not os.path.lexists(tmp_path / "link")

    def test_move_onto_itself_keeps_the_file(self, store: Store) -> None:
        store.write("f", b"x")
        entry = store.put_file(store.local_path("f") or "", "f", move=True)
        assert entry.size == 1 and store.read("f") == b"x"

    def test_new_files_follow_the_umask(self, store: Store, tmp_path) -> None:
        (tmp_path / "private").write_bytes(b"")
        os.chmod(tmp_path / "private", 0o600)
        before = os.umask(0o022)
        try:
            store.write("a", b"")
            store.create("b", b"")
            store.append("c", b"")
            store.put_file(str(tmp_path / "private"), "d")
        finally:
            os.umask(before)
        assert {os.stat(store.local_path(name) or "").st_mode & 0o777 for name in "abcd"} == {0o644}

    def test_create_without_hard_links_mocked(self, store: Store, monkeypatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(1, "no hard links here")

        monkeypatch.setattr(os, "link", refuse)
        assert store.create("f", b"one") is True
        assert store.create("f", b"two") is False
        assert store.read("f") == b"one" and os.listdir(store.local_path("") or "") == ["f"]

    def test_a_kill_while_writing_leaves_no_file_under_the_final_name(self, store: Store) -> None:
        store.write("old", b"before")
        script = """
import os, sys
from mlsteps.storage import files
from mlsteps.storage.local import LocalStore
class Dies(bytes): pass
store = LocalStore(sys.argv[1])
files.write_all = lambda file, data: (file.write(data[:3]), os.kill(os.getpid(), 9))
getattr(store, sys.argv[2])(sys.argv[3], b"half of it")
"""
        for how, name in (("write", "old"), ("write", "new"), ("create", "made")):
            done = subprocess.run([sys.executable, "-c", script, store.local_path("") or "", how, name], check=False)
            assert done.returncode == -9
        assert paths(store) == ["old"]
        assert store.read("old") == b"before"
        left = [name for name in os.listdir(store.local_path("") or "") if name.startswith(TEMPORARY)]
        assert len(left) == 3  # hidden; no listing shows them

    def test_a_tree_in_the_way_is_named(self, store: Store, tmp_path) -> None:
        store.write("d/f", b"")
        (tmp_path / "l").write_bytes(b"")
        for move in (False, True):
            with pytest.raises(StoreError, match="/d"):
                store.put_file(str(tmp_path / "l"), "d", move=move)
        assert paths(store) == ["d/f"]


class TestFsspecStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        store = open_store(f"memory://{uuid.uuid4().hex}/folder")
        assert isinstance(store, FsspecStore)
        yield store
        for child in store.children(""):
            store.delete(child.name)

    def test_it_is_nowhere_on_this_machine(self, store: Store) -> None:
        assert store.local_path("f") is None

    def test_its_url_opens_the_same_place(self, store: Store) -> None:
        store.write("d/f", b"x")
        assert open_store(store.url_of("d")).read("f") == b"x"


class TestFsspecStoreThatRenames(StoreContract):
    """A file system with a rename of its own, as SFTP and SMB have."""

    @pytest.fixture
    def store(self, tmp_path_factory) -> Store:
        from fsspec.implementations.local import LocalFileSystem

        root = str(tmp_path_factory.mktemp("root") / "store")
        return FsspecStore(f"renaming://{root}", LocalFileSystem(), root, "renaming")


class TestFsspecStoreWithAtomicPuts(StoreContract):
    """The way taken for object stores; conditional puts are mocked, which the memory file system lacks."""

    @pytest.fixture
    def store(self) -> Store:
        from fsspec.implementations.memory import MemoryFileSystem

        class Conditional(MemoryFileSystem):
            lock = threading.Lock()

            def pipe_file(self, path, value, mode="overwrite", **kwargs):
                with self.lock:
                    super().pipe_file(path, value, mode=mode, **kwargs)

            def cp_file(self, *_, **__):
                pytest.fail("an object store copies nothing to write a file")

        file_system = Conditional(global_store=False, skip_instance_cache=True)
        return FsspecStore("gs://bucket/folder", file_system, "/bucket/folder", "gs")


@pytest.mark.parametrize(
    ("given", "normal"),
    [("", ""), ("a", "a"), ("a//b/./c/", "a/b/c"), ("./a", "a"), ("..a/b..", "..a/b.."), (" a ", " a ")],
)
def test_safe_path_has_one_form(given: str, normal: str) -> None:
    assert safe_path(given) == normal


def test_secrets_do_not_show() -> None:
    shown = redact("sftp://me:secret@host/x https://h/f?sv=1&sig=SECRET&se=2 AccountKey=x;account_key=SECRET")
    assert "SECRET" not in shown and "secret" not in shown and "sv=1" in shown and "se=2" in shown


@pytest.fixture
def no_drivers(monkeypatch) -> None:
    """As on a machine where neither adlfs nor s3fs is installed."""
    registry = importlib.import_module("fsspec.registry")  # `fsspec.registry` itself is a mapping
    for driver in ("adlfs", "s3fs"):
        monkeypatch.setitem(sys.modules, driver, None)
    kept = {name: kind for name, kind in registry._registry.items() if name not in ("abfs", "abfss", "s3")}
    monkeypatch.setattr(registry, "_registry", kept)


def test_a_missing_driver_says_what_to_install(no_drivers) -> None:
    for url, extra in (("abfs://c@account.dfs.core.windows.net/x", "[azure]"), ("s3://bucket/x", "[s3]")):
        with pytest.raises(StoreError) as caught:
            open_store(url)
        assert f"pip install airflow-provider-mlsteps{extra}" in str(caught.value)


def test_unknown_protocols_and_empty_addresses_are_named() -> None:
    with pytest.raises(StoreError, match="nosuch"):
        open_store("nosuch://x/y")
    with pytest.raises(InvalidInput):
        open_store("")


def test_datastores(tmp_path, no_drivers) -> None:
    store = open_datastore({"name": "local", "type": "Custom", "url": str(tmp_path)})
    assert isinstance(store, LocalStore) and store.root == str(tmp_path)
    with pytest.raises(UnsupportedFeature, match="warehouse"):
        open_datastore({"name": "warehouse", "type": "AzureSqlDatabase"}).list("")
    with pytest.raises(StoreError, match="lost"):
        open_datastore({"name": "lost", "type": "AzureBlob"})
    with pytest.raises(StoreError, match=r"\[azure\]"):
        open_datastore({"name": "b", "type": "AzureBlob", "container_name": "c", "account_name": "a"})


def test_no_third_party_package_is_loaded_for_a_local_store(tmp_path) -> None:
    script = """
import sys
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.storage import digests, snapshots, datasets, transfer
ws = WorkspaceStore(sys.argv[1])
ws.write_json("a/b.json", {"x": 1})
assert ws.names("a") == ["b"]
assert not {"fsspec", "pathspec", "airflow", "pandas"} & set(sys.modules)
"""
    subprocess.run(
        [sys.executable, "-S", "-c", script, str(tmp_path)],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_what_azure_would_call_otherwise_is_refused() -> None:
    store = FsspecStore("abfs://container/place", None, "container/place", "abfs")  # refused before anything is asked
    with pytest.raises(InvalidInput, match="no backslash"):
        store.write("back\\slash", b"")
