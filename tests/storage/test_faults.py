"""Faults of this machine: a full disk, a read-only one, what another user owns, names that lead outside, links in a
circle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput, StoreError
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.open import open_store
from tests.storage.contract import paths
from tests.storage.trees import make_tree


def transfer(source: Path, target: Path, place: str = "out"):
    kind, found = sources(open_store(str(source)), "")
    return copy(plan(found, kind, open_store(str(target)), place))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs to be allowed to mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_store_that_fills_up(small_disk: Path, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "in", {f"f{n}": "x" * (600 << 10) for n in range(5)})
    with pytest.raises(StoreError, match="No space left"):
        transfer(source, small_disk)
    store = open_store(str(small_disk))
    arrived = paths(store)
    assert 1 <= len(arrived) < 5
    assert all(entry.size == 600 << 10 for entry in store.list())  # no part of a file under its name
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert len(transfer(source, small_disk).files) == len(paths(store)) == 5  # with room for it, the next try is whole


LIMITED = """
import resource, signal, sys
from mlsteps.errors import StoreError
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.open import open_store
source, target = map(open_store, sys.argv[1:])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
kind, found = sources(source, "")
try:
    copy(plan(found, kind, target, "out"))
except StoreError as error:
    print(error)
"""


def test_a_quota_that_is_used_up(tmp_path: Path) -> None:
    """A limit for this process stands for the quota of a user, who need not be allowed to mount."""
    source, target = make_tree(tmp_path / "in", {"a": "x" * 1000, "b": "y" * 200_000}), tmp_path / "to"
    done = subprocess.run([sys.executable, "-c", LIMITED, str(source), str(target)], capture_output=True, text=True)
    assert "out/b: could not write it: OSError: File too large" in done.stdout, done.stderr
    assert set(paths(open_store(str(target)))) <= {"out/a"}
    assert len(transfer(source, target).files) == 2


@pytest.fixture
def common() -> Iterator[Path]:
    """A folder that other users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="mlsteps-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


DENIED = """
import os, sys
from mlsteps.errors import AzureMLException
from mlsteps.registry.workspaces import WorkspaceStore
from mlsteps.storage import caching, digests, snapshots, transfer
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.open import open_store

folder, own, what = sys.argv[1:]
store, target = open_store(folder), open_store(own)

def transferred(path, to, name):
    kind, found = sources(store, path)
    copy(plan(found, kind, to, name))

attempts = {
    "a file": lambda: transferred("secret", target, "out"),
    "a folder": lambda: transferred("locked", target, "out"),
    "in a folder": lambda: transferred("locked/f", target, "out"),
    "what it is": lambda: store.kind("locked/f"),
    "writing": lambda: transferred("open", store, "out"),
    "writing over": lambda: store.write("secret", b""),
    "deleting": lambda: store.delete("open"),
    "a source directory": lambda: snapshots.take(folder, WorkspaceStore(own)),
    "an output": lambda: transfer.upload_tree(folder + "/secret", target, "out", overwrite=True),
}
target.write("f", b"")
transferred("open", target, "before")  # whatever is imported later, the other user may not read
os.chown(own, 65534, 65534) if os.geteuid() == 0 else None
if os.geteuid() == 0:
    os.setgid(65534), os.setuid(65534)
try:
    print("done", attempts[what]())
except AzureMLException as error:
    print(type(error).__name__, error.message)
"""


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("a file", "/out: could not write it: PermissionError: Permission denied: "),
        ("a folder", "/locked"),
        ("in a folder", "/locked/f: could not look at it"),
        ("what it is", "/locked/f: could not look at it"),
        ("writing", "/out: could not write it"),
        ("writing over", "/secret: could not write it"),
        ("deleting", "/open: could not delete it"),
        ("a source directory", "locked cannot be read"),
        ("an output", "secret"),
    ],
)
def test_what_another_user_owns_is_named(common: Path, what: str, named: str) -> None:
    """As root these are tried as ``nobody``, of whom files of root's are another user's."""
    source, own = common / "theirs", common / "own"
    make_tree(source, {"open": "1", "secret": "2", "locked/f": "3"})
    own.mkdir()
    source.chmod(0o755), (source / "secret").chmod(0), (source / "locked").chmod(0)
    if os.geteuid() != 0:
        source.chmod(0o555)
    package = Path(__file__).parents[2] / "provider"
    done = subprocess.run(
        [sys.executable, "-c", DENIED, str(source), str(own), what],
        env={**os.environ, "PYTHONPATH": str(package), "MLSTEPS_HOME": str(own / "home")},
        capture_output=True,
        text=True,
    )
    (source / "locked").chmod(0o755), source.chmod(0o755)
    assert "Permission denied" in done.stdout and named in done.stdout, done.stdout + done.stderr
    assert str(source) in done.stdout
    assert not (own / "out").exists() and (source / "open").read_text() == "1"


def test_a_place_that_may_not_be_written(small_disk: Path, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "in", {"a": "A"})
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match=r"out/a: could not write it: OSError: Read-only"):
        transfer(source, small_disk)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:\\evil"])
def test_a_name_that_leads_outside_the_target(tmp_path: Path, name: str) -> None:
    source, target = open_store(str(make_tree(tmp_path / "in", {"a": "A"}))), open_store(str(tmp_path / "to"))
    with pytest.raises(InvalidInput):
        copy(plan([SourceFile(source, "a", name, 1, "")], "directory", target, "out"))
    assert not (tmp_path / "evil").exists() and paths(target) == []


def test_links_in_a_circle(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "in", {"d/a": "A"})
    os.symlink("..", source / "d" / "up")
    os.symlink("loop", source / "loop")
    manifest = transfer(source, tmp_path / "to")
    assert [item.path for item in manifest.files] == ["d/a"]


def test_two_writers_to_one_place_leave_whole_files(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = {name: f"{name}" * 200_000 for name in ("one", "two")}
    trees = [make_tree(tmp_path / name, {f"f{n}": text for n in range(20)}) for name, text in texts.items()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda tree: transfer(tree, tmp_path / "to"), trees))
    found = {path.read_text() for path in (tmp_path / "to" / "out").iterdir() if path.is_file()}
    assert found <= set(texts.values()) and len(paths(open_store(str(tmp_path / "to")))) == 20
