from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlsteps.contracts.manifest import OutputManifest
from mlsteps.errors import InvalidInput, StoreError
from mlsteps.storage.base import MissingFile
from mlsteps.storage.digests import file_digest, tree_manifest, tree_of
from tests.storage.trees import Clock, Reads, make_tree


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def reads(monkeypatch) -> Reads:
    return Reads(monkeypatch)


def test_a_manifest_names_every_file_with_size_digest_and_time(tmp_path) -> None:
    root = make_tree(tmp_path / "t", {"b/ä ö.txt": "x", "a.txt": "", "b/c/d": "yy"})
    manifest = tree_manifest(str(root))
    assert [(item.path, item.size, item.sha256) for item in manifest.files] == [
        ("a.txt", 0, sha(b"")),
        ("b/c/d", 2, sha(b"yy")),
        ("b/ä ö.txt", 1, sha(b"x")),
    ]
    assert manifest.files[0].stamp == str(os.stat(root / "a.txt").st_mtime_ns)
    assert OutputManifest.from_json(manifest.to_json()) == manifest
    assert manifest.tree == tree_of(str(root)).digest


def test_a_single_file_is_a_manifest_of_its_own(tmp_path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    manifest = tree_manifest(str(tmp_path / "f"))
    assert manifest.is_file and [item.path for item in manifest.files] == [""]
    assert manifest.files[0].sha256 == file_digest(str(tmp_path / "f")) == sha(b"x")


def test_chosen_files_only(tmp_path) -> None:
    root = make_tree(tmp_path, {"a": "1", "b": "2", "c/d": "3"})
    assert [item.path for item in tree_manifest(str(root), ["c/d", "a"]).files] == ["a", "c/d"]
    with pytest.raises(MissingFile, match="nowhere"):
        tree_manifest(str(root), ["nowhere"])
    with pytest.raises(InvalidInput):
        tree_manifest(str(root), ["../x"])


def test_an_empty_folder_has_a_digest_and_an_absent_one_an_error(tmp_path) -> None:
    assert tree_manifest(str(tmp_path)).files == ()
    with pytest.raises(MissingFile, match="absent"):
        tree_manifest(str(tmp_path / "absent"))
    with pytest.raises(MissingFile, match="absent"):
        tree_of(str(tmp_path / "absent"))


def test_a_settled_file_is_read_once(tmp_path, clock, reads) -> None:
    root = make_tree(tmp_path, {"a": "1", "b": "2"})
    clock.settle()
    for call in (tree_manifest, tree_of):
        call(str(root))
        assert reads.taken() == ["a", "b"]
        call(str(root))
        assert reads.taken() == []
    (root / "b").write_text("3")
    clock.settle()
    tree_manifest(str(root))
    assert reads.taken() == ["b"]
    tree_of(str(root))
    assert reads.taken() == ["b"]


def test_a_file_written_just_now_is_read_again(tmp_path, reads) -> None:
    root = make_tree(tmp_path, {"a": "1"})
    for _ in range(2):
        tree_manifest(str(root))
        tree_of(str(root))
        assert reads.taken() == ["a", "a"]


def test_touching_reads_again_and_changes_nothing(tmp_path, clock, reads) -> None:
    root = make_tree(tmp_path, {"a": "1", "b": "2"})
    clock.settle()
    before = tree_of(str(root))
    os.utime(root / "a", (1, 1))
    clock.settle()
    assert tree_of(str(root)) == before
    assert reads.taken() == ["a", "a", "b"]


def test_the_same_size_and_mtime_with_other_bytes_is_noticed(tmp_path, clock) -> None:
    root = make_tree(tmp_path, {"a": "1"})
    at = os.stat(root / "a")
    clock.settle()
    before = (tree_of(str(root)), tree_manifest(str(root)).tree)
    (root / "a").write_text("2")
    os.utime(root / "a", ns=(at.st_atime_ns, at.st_mtime_ns))
    clock.settle()
    assert tree_of(str(root)) != before[0]
    assert tree_manifest(str(root)).tree != before[1]


def test_asking_for_some_files_forgets_no_others(tmp_path, clock, reads) -> None:
    root = make_tree(tmp_path, {"a": "1", "b": "2"})
    clock.settle()
    tree_manifest(str(root), ["a"])
    tree_manifest(str(root), ["b"])
    reads.taken()
    tree_manifest(str(root))
    assert reads.taken() == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]\n[2]", b"\xff\xfe", b'{"version":1}\n{}'])
def test_a_damaged_cache_costs_time_only(tmp_path, home, clock, reads, damage) -> None:
    root = make_tree(tmp_path, {"a": "1"})
    clock.settle()
    expected = (tree_of(str(root)), tree_manifest(str(root)))
    for path in (home / "cache" / "digests").iterdir():
        path.write_bytes(damage)
    reads.taken()
    assert (tree_of(str(root)), tree_manifest(str(root))) == expected
    assert reads.taken() == ["a", "a"]


def test_a_cache_whose_second_line_is_lost_is_not_trusted_for_files(tmp_path, home, clock) -> None:
    root = make_tree(tmp_path, {"a": "1", "b": "2"})
    clock.settle()
    expected = tree_of(str(root))
    (path,) = (home / "cache" / "digests").iterdir()
    path.write_bytes(path.read_bytes().splitlines()[0])
    make_tree(root, {"c": "3"})
    assert tree_of(str(root)) != expected


def test_a_home_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch) -> None:
    root = make_tree(tmp_path / "t", {"a": "1"})
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "file"))
    assert tree_manifest(str(root)).files[0].sha256 == sha(b"1")


def test_links_are_followed_and_bad_ones_named(tmp_path) -> None:
    root = make_tree(tmp_path / "t", {"d/f": "1"})
    make_tree(tmp_path / "elsewhere", {"g": "2"})
    os.symlink(tmp_path / "elsewhere", root / "linked")
    os.symlink(root / "d" / "f", root / "again")
    assert [item.path for item in tree_manifest(str(root)).files] == ["again", "d/f", "linked/g"]
    os.symlink(root, root / "d" / "circle")
    for call in (tree_manifest, tree_of):
        with pytest.raises(StoreError, match=r"d/circle.*loop"):
            call(str(root))
    os.unlink(root / "d" / "circle")
    os.symlink(tmp_path / "nothing", root / "broken")
    with pytest.raises(StoreError, match="broken is a link to nothing"):
        tree_manifest(str(root))


def test_two_links_that_lead_to_each_other_are_a_loop(tmp_path) -> None:
    root = make_tree(tmp_path / "t", {"a/x": "", "b/y": ""})
    os.symlink(root / "b", root / "a" / "to_b")
    os.symlink(root / "a", root / "b" / "to_a")
    with pytest.raises(StoreError, match="loop"):
        tree_manifest(str(root))


def test_a_socket_is_named(tmp_path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        with pytest.raises(StoreError, match=r"/s is neither"):
            tree_manifest(str(tmp_path))


def test_an_unreadable_file_is_named_mocked(tmp_path, monkeypatch) -> None:
    root = make_tree(tmp_path, {"a": "1"})

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mlsteps.storage.digests.os.open", refuse)
    with pytest.raises(StoreError, match=r"/a cannot be read: Permission denied"):
        tree_manifest(str(root), cache=False)


def test_large_files_are_hashed_by_threads_with_the_same_answer(tmp_path) -> None:
    contents = {f"f{number}": bytes([number]) * (300 << 10) for number in range(6)}
    root = make_tree(tmp_path, contents)
    found = {item.path: item.sha256 for item in tree_manifest(str(root)).files}
    assert found == {name: sha(content) for name, content in contents.items()}


def test_two_processes_at_once_agree(tmp_path, home) -> None:
    root = make_tree(tmp_path / "t", {f"d{n % 7}/f{n}": str(n) for n in range(300)})
    script = "import sys; from mlsteps.storage.digests import tree_of; print(tree_of(sys.argv[1]).digest)"
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {process.communicate()[0].strip() for process in started}
    assert answers == {tree_of(str(root)).digest}
    assert not [name for name in os.listdir(home / "cache" / "digests") if name.startswith(".")]


names = st.lists(st.sampled_from(["a", "b", "c", "ä", "x y"]), min_size=1, max_size=3).map("/".join)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(names, st.one_of(st.none(), st.binary(max_size=3))), min_size=1, max_size=8))
def test_remembering_never_changes_the_answer(tmp_path_factory, clock, steps) -> None:
    root = tmp_path_factory.mktemp("t")
    for name, content in steps:
        path = root / name
        try:
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        except OSError:
            continue  # a folder where a file would be, or the other way round
        clock.settle()
        fresh = tree_manifest(str(root), cache=False)
        assert tree_manifest(str(root)) == fresh
        assert tree_of(str(root)).digest == fresh.tree
