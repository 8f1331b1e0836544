"""Faults of this machine: a full disk, a read-only one, names that lead outside, links in a circle."""

from __future__ import annotations

import os
import subprocess
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
