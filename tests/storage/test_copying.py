"""Transfers between stores: which file goes where, what is there afterwards, what an interrupted one leaves."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlsteps.errors import DatasetValidationError, StoreError, UserErrorException
from mlsteps.storage.base import TEMPORARY, Store
from mlsteps.storage.copying import ledger as ledgers
from mlsteps.storage.copying.plan import Plan, plan, sources
from mlsteps.storage.copying.progress import Progress, in_time, in_units
from mlsteps.storage.copying.run import copy
from mlsteps.storage.digests import tree_manifest
from mlsteps.storage.local_copy import copy_hashed_fast
from mlsteps.storage.open import open_store
from tests.storage.contract import ODD_NAMES, paths
from tests.storage.trees import make_tree


@pytest.fixture
def other(tmp_path_factory) -> Store:
    return open_store(str(tmp_path_factory.mktemp("other")))


def planned(source: Store, path: str, target: Store, place: str, from_=None, to=None) -> Plan:
    kind, found = sources(source, path, from_)
    return plan(found, kind, target, place, to)


def filled(store: Store, **files: str) -> Store:
    for name, text in files.items():
        store.write(name.replace("__", "/"), text.encode())
    return store


class TestRules:
    """What lies at the source ``in`` and at the destination ``out``, the two types, and what is there afterwards."""

    @pytest.mark.parametrize(
        ("source", "types", "before", "after"),
        [
            ("in/a", (None, None), {}, {"out": "A"}),
            ("in/a", (None, None), {"out/x": "X"}, {"out/x": "X", "out/a": "A"}),
            ("in/a", (None, None), {"out": "old"}, {"out": "A"}),
            ("in/a", ("file", "directory"), {}, {"out/a": "A"}),
            ("in/a", ("file", "file"), {}, {"out": "A"}),
            ("in", (None, None), {}, {"out/a": "A", "out/s/b": "B"}),
            ("in", (None, None), {"out/a": "old", "out/z": "Z"}, {"out/a": "A", "out/s/b": "B", "out/z": "Z"}),
            ("in", ("directory", "directory"), {}, {"out/a": "A", "out/s/b": "B"}),
            ("", (None, None), {}, {"out/in/a": "A", "out/in/s/b": "B"}),
        ],
    )
    def test_where_files_go(self, store, other, source, types, before, after) -> None:
        filled(store, in__a="A", in__s__b="B")
        for path, text in before.items():
            other.write(path, text.encode())
        copy(planned(store, source, other, "out", *types))
        assert {path: other.read(path).decode() for path in paths(other)} == after

    @pytest.mark.parametrize(
        ("source", "types", "place", "error"),
        [
            ("nothing", (None, None), "out", "nothing, does not exist"),
            ("in", ("file", None), "out", "does not exist as a file"),
            ("in/a", ("directory", None), "out", "does not exist as a directory"),
            ("in", (None, "file"), "out", "cannot be transferred to the file"),
            ("in", (None, None), "there/f", "cannot be transferred to the file"),
            ("in/a", (None, "directory"), "there/f", "is a file; the transfer needs a directory"),
            ("in/a", (None, "file"), "there", "is a directory; the transfer needs a file"),
            ("in/a", (None, "file"), "", "cannot be a file"),
            ("in/a", (None, None), "../x", "without '..'"),
        ],
    )
    def test_what_cannot_be(self, store, other, source, types, place, error) -> None:
        filled(store, in__a="A")
        filled(other, there__f="F")
        with pytest.raises((UserErrorException, DatasetValidationError), match=error):
            planned(store, source, other, place, *types)
        assert paths(other) == ["there/f"]

    def test_the_root_of_a_store_is_a_place(self, store, other) -> None:
        filled(store, in__a="A")
        assert copy(planned(store, "in", other, "")).files[0].path == "a"
        assert paths(other) == ["a"]

    def test_an_empty_folder_is_a_folder(self, local_store, other) -> None:
        os.makedirs(local_store.local_path("in") or "")
        manifest = copy(planned(local_store, "in", other, "out"))
        assert manifest.files == () and not manifest.is_file
        assert other.kind("out") == "directory"

    def test_inside_its_own_source_is_refused_and_onto_itself_is_nothing(self, local_store) -> None:
        filled(local_store, a="1", s__a="2")
        with pytest.raises(UserErrorException, match="overlaps"):
            planned(local_store, "", local_store, "s")
        before = local_store.entry("a")
        manifest = copy(planned(local_store, "", local_store, ""))
        assert [item.sha256 for item in manifest.files] == [hashlib.sha256(text).hexdigest() for text in (b"1", b"2")]
        assert local_store.entry("a") == before

    def test_a_plan_can_be_shown(self, store, other) -> None:
        filled(store, in__a="A", in__b="BB")
        text = planned(store, "in", other, "out").described()
        assert "2 files, 3 bytes to the directory" in text and text.count(" -> ") == 2
        assert paths(other) == []


@pytest.mark.parametrize("target", ["local", "memory"])
def test_the_manifest_says_what_is_there(store, target, request, other, memory_store) -> None:
    destination = other if target == "local" else memory_store.below("elsewhere")
    files = {f"d {n % 3}/{name}": f"{n}".encode() * (n * 1000) for n, name in enumerate(ODD_NAMES)}
    for path, data in files.items():
        store.write(f"in/{path}", data)
    manifest = copy(planned(store, "in", destination, "o ut"))
    assert {item.path: (item.size, item.sha256) for item in manifest.files} == {
        path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()
    }
    there = {entry.path: (entry.size, entry.stamp) for entry in destination.list("o ut")}
    assert {f"o ut/{item.path}": (item.size, item.stamp) for item in manifest.files} == there
    assert all(destination.read(f"o ut/{path}") == data for path, data in files.items())


def test_a_single_file_is_a_manifest_of_a_file(store, other) -> None:
    manifest = copy(planned(filled(store, a="A"), "a", other, "b/c"))
    assert manifest.is_file and [item.path for item in manifest.files] == [""]


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (70 << 20) + 7])
def test_large_and_small_files_are_copied_and_hashed(tmp_path, size) -> None:
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    counted: list[int] = []
    passed = copy_hashed_fast(str(tmp_path / "a"), str(tmp_path / "b" / "c"), counted.append)
    assert (passed.size, passed.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert (tmp_path / "b" / "c").read_bytes() == data and sum(counted) == size


def test_a_file_that_changes_while_it_is_copied_is_refused(tmp_path) -> None:
    (tmp_path / "a").write_bytes(bytes(40 << 20))

    def grow(count: int) -> None:
        with open(tmp_path / "a", "ab") as file:
            file.write(b"more")

    with pytest.raises(StoreError, match="changed while it was being read"):
        copy_hashed_fast(str(tmp_path / "a"), str(tmp_path / "b"), grow)
    assert sorted(os.listdir(tmp_path)) == ["a"]


def test_a_stopped_copy_leaves_no_part_under_a_final_name(store, other) -> None:
    store.write("in/big", bytes(20 << 20))

    class Stop(Exception):
        pass

    def stop() -> None:
        if threading.active_count() > 0 and seen:
            raise Stop()
        seen.append(1)

    seen: list[int] = []
    with pytest.raises(Stop):
        copy(planned(store, "in", other, "out"), check=stop)
    assert paths(other) == []
    assert [name for _, _, names in os.walk(other.local_path("") or "") for name in names] == []


#: Copies the folder argv[1] to argv[2] slowly; killed half-way.
SLOW = """
import sys, time
from mlsteps.storage.copying import ledger
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.digests import tree_manifest
from mlsteps.storage.open import open_store
ledger.Ledger.__init__.__defaults__ = (0.0,)
kind, found = sources(open_store(sys.argv[1]), "")
copy(plan(found, kind, open_store(sys.argv[2]), "out"), workers=1, check=lambda: time.sleep(0.04))
"""


def test_after_a_kill_only_what_had_not_arrived_is_moved(tmp_path, other) -> None:
    source = make_tree(tmp_path / "in", {f"d/f{n:03d}": f"{n}" * 100 for n in range(100)})
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(source), other.local_path("")])
    deadline = time.monotonic() + 120
    while len(paths(other)) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = {entry.path: entry.stamp for entry in other.list("out")}
    assert 20 <= len(before) < 100
    lines: list[str] = []
    manifest = copy(planned(open_store(str(source)), "", other, "out"), note=lines.append)
    assert len(manifest.files) == 100
    assert all(other.read(f"out/{item.path}") == (source / item.path).read_bytes() for item in manifest.files)
    kept = [path for path, stamp in before.items() if other.entry(path).stamp == stamp]  # type: ignore[union-attr]
    assert len(kept) >= len(before) - 2  # not moved again, but for what was on its way
    assert "arrived in an earlier try" in lines[0]
    hidden = [name for _, folders, names in os.walk(other.local_path("") or "") for name in [*folders, *names]]
    assert not [name for name in hidden if name.startswith(TEMPORARY + "transfer")]


def test_what_changed_since_the_kill_is_moved_again(tmp_path, other, monkeypatch) -> None:
    monkeypatch.setattr(ledgers.Ledger.__init__, "__defaults__", (0.0,))
    source = make_tree(tmp_path / "in", {f"f{n}": f"{n}" for n in range(10)})

    class Stop(Exception):
        pass

    count = iter(range(100))

    def stop() -> None:
        if next(count) == 12:
            raise Stop()

    with pytest.raises(Stop):
        copy(planned(open_store(str(source)), "", other, "out"), workers=1, check=stop)
    arrived = paths(other)
    assert 3 < len(arrived) < 10
    (source / "f0").write_text("changed")
    Path(other.local_path(arrived[1]) or "").write_text("tampered")
    copy(planned(open_store(str(source)), "", other, "out"))
    assert {entry.path: other.read(entry.path) for entry in other.list("out")} == {
        f"out/{path.name}": path.read_bytes() for path in source.iterdir()
    }


def test_a_write_by_somebody_else_is_noticed(store, memory_store, tmp_path) -> None:
    source = open_store(str(make_tree(tmp_path / "in", {"a": "1", "b": "2"})))
    target = memory_store.below("to")
    order: list[str] = []

    def meddle() -> None:
        order.append("")
        if len(order) == 4:  # after both were written
            target.write("out/a", b"someone else's")

    with pytest.raises(StoreError, match="out/a was written, and now it holds something else"):
        copy(planned(source, "", target, "out"), workers=1, check=meddle)


def test_progress_tells_files_bytes_rate_and_what_is_left() -> None:
    lines: list[str] = []
    progress = Progress(10, 5_000_000_000, lines.append, every=0.05)
    progress.kept(1_000_000_000)
    time.sleep(0.1)
    progress.passed(500_000_000)
    assert lines[0].startswith("1 of 10 files, 1.5 GB of 5.0 GB, ") and lines[0].endswith(" left")
    progress.passed(-500_000_000)
    assert "0 bytes in" in progress.summary() and "1.0 GB were there already" in progress.summary()


def test_numbers_are_for_people() -> None:
    assert [in_units(n) for n in (0, 999, 1000, 1_234_000, 5e12, 5e15)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "1.2 MB",
        "5.0 TB",
        "5000.0 TB",
    ]
    assert [in_time(s) for s in (3, 89, 200, 7500)] == ["3 s", "89 s", "3 min", "2 h 5 min"]


def test_a_digest_that_is_known_is_not_computed_again_until_the_file_changes(tmp_path, other, monkeypatch) -> None:
    from mlsteps.storage import digest_cache, local_copy

    monkeypatch.setattr(digest_cache, "RACY", 0)
    read: list[int] = []
    real = local_copy._Digest._run
    monkeypatch.setattr(local_copy._Digest, "_run", lambda self: read.append(1) or real(self))
    source = tmp_path / "in"
    source.mkdir()
    (source / "big").write_bytes(os.urandom(3 << 20))

    def digest() -> str:
        data = (source / "big").read_bytes()
        (entry,) = copy(planned(open_store(str(tmp_path)), "in", other, "out")).files
        assert entry.sha256 == hashlib.sha256(data).hexdigest() and other.read("out/big") == data
        return entry.sha256

    assert digest() == digest() and len(read) == 1
    (source / "big").write_bytes(os.urandom(3 << 20))
    digest()
    assert len(read) == 2
    tree_manifest(str(source))  # as planning a step does
    assert len(read) == 2
