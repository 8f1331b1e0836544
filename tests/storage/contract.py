"""What every store must do. A test class inherits it and gives a ``store`` fixture: an empty store."""

from __future__ import annotations

import hashlib
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlsteps.errors import InvalidInput, StoreError, UserErrorException
from mlsteps.storage.base import TEMPORARY, Child, MissingFile, Store

ODD_NAMES = [
    "a b.csv",
    "größe.csv",
    "名前.csv",
    "50%.csv",
    "what?.csv",
    "a#b.csv",
    "x[1].csv",
    "it's.csv",
    "a+b&c=d.csv",
]


def paths(store: Store, path: str = "") -> list[str]:
    return [entry.path for entry in store.list(path)]


class StoreContract:
    """The behaviour; see :class:`mlsteps.storage.base.Store`."""

    #: Names that the place cannot hold; it says so.
    refused: tuple[str, ...] = ()
    #: Whether a file's name can be a folder's, too, as in object stores.
    has_real_folders = True

    def test_what_is_written_is_read(self, store: Store) -> None:
        store.write("data/train.csv", b"1,2\n")
        assert store.read("data/train.csv") == b"1,2\n"
        store.write("data/train.csv", b"")
        assert store.read("data/train.csv") == b""

    def test_a_listing_is_recursive_sorted_and_sized(self, store: Store) -> None:
        for path in ("b.txt", "a/z.txt", "a/b/c.txt", "a.txt", "ab/x.txt"):
            store.write(path, path.encode())
        assert paths(store) == ["a.txt", "a/b/c.txt", "a/z.txt", "ab/x.txt", "b.txt"]
        assert paths(store, "a") == ["a/b/c.txt", "a/z.txt"]
        assert paths(store, "a/") == ["a/b/c.txt", "a/z.txt"]
        assert paths(store, "a.txt") == ["a.txt"]
        assert paths(store, "absent") == []
        assert {entry.path: entry.size for entry in store.list("a")} == {"a/b/c.txt": 9, "a/z.txt": 7}

    def test_an_entry_agrees_with_the_listing(self, store: Store) -> None:
        store.write("d/f.txt", b"123")
        assert store.entry("d/f.txt") == next(iter(store.list("d")))
        assert store.entry("d/f.txt").size == 3  # type: ignore[union-attr]
        assert store.entry("d") is None
        assert store.entry("d/absent") is None
        assert store.entry("d/f.txt/below") is None

    def test_a_part_of_a_file_is_read(self, store: Store) -> None:
        data = bytes(range(256)) * 40_000  # larger than what passes in one request
        store.write("d/f", data)
        assert store.read_range("d/f", 0, 3) == data[:3]
        assert store.read_range("d/f", 9_000_001, 1000) == data[9_000_001:9_001_001]
        assert store.read_range("d/f", len(data) - 2, 100) == data[-2:]

    def test_an_entry_tells_when_it_was_written(self, store: Store) -> None:
        store.write("f", b"one")
        found = store.entry("f")
        assert found is not None and abs(found.changed / 1e9 - time.time()) < 600

    def test_the_stamp_changes_with_the_content(self, store: Store) -> None:
        store.write("f", b"one")
        before = store.entry("f")
        time.sleep(0.02)  # longer than a tick of the system's clock
        store.write("f", b"two")
        assert before is not None and before.stamp
        assert store.entry("f").stamp != before.stamp  # type: ignore[union-attr]

    def test_kinds(self, store: Store) -> None:
        store.write("d/f", b"")
        assert (store.kind("d/f"), store.kind("d"), store.kind("x"), store.kind("")) == (
            "file",
            "directory",
            None,
            "directory",
        )

    def test_children_are_files_and_folders_one_level_down(self, store: Store) -> None:
        for path in ("d/f.json", "d/sub/x", "d/sub/y", "other"):
            store.write(path, b"")
        assert store.children("d") == [Child("f.json", False), Child("sub", True)]
        assert store.children("absent") == []
        assert store.folders("") == ["d"]

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_survive(self, store: Store, name: str, tmp_path) -> None:
        path = f"odd folder/{name}"
        if name in self.refused:
            with pytest.raises(UserErrorException, match=re.escape(name)):
                store.write(path, b"")
            return
        (tmp_path / "local").write_bytes(b"content")
        store.put_file(str(tmp_path / "local"), path)
        assert paths(store, "odd folder") == [path]
        assert store.children("odd folder") == [Child(name, False)]
        assert store.read(path) == b"content"
        store.get_file(path, str(tmp_path / "back" / name))
        assert (tmp_path / "back" / name).read_bytes() == b"content"
        store.delete(path)
        assert paths(store) == []

    @pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "C:\\x", "c:/x", "a/..", "a\0b", "..\\x"])
    def test_paths_that_leave_are_refused_everywhere(self, store: Store, path: str, tmp_path) -> None:
        (tmp_path / "f").write_bytes(b"")
        attempts = [
            lambda: store.read(path),
            lambda: store.open(path),
            lambda: store.write(path, b""),
            lambda: store.create(path, b""),
            lambda: store.append(path, b""),
            lambda: store.delete(path),
            lambda: list(store.list(path)),
            lambda: store.children(path),
            lambda: store.entry(path),
            lambda: store.kind(path),
            lambda: store.local_path(path),
            lambda: store.url_of(path),
            lambda: store.below(path),
            lambda: store.put_file(str(tmp_path / "f"), path),
            lambda: store.get_file(path, str(tmp_path / "g")),
        ]
        for attempt in attempts:
            with pytest.raises(InvalidInput, match="path"):
                attempt()

    def test_absent_files_say_which(self, store: Store, tmp_path) -> None:
        (tmp_path / "target").mkdir()
        for attempt in (store.read, store.open, lambda path: store.get_file(path, str(tmp_path / "target" / "x"))):
            with pytest.raises(MissingFile, match=r"no/such\.csv") as caught:
                attempt("no/such.csv")
            assert isinstance(caught.value, FileNotFoundError) and isinstance(caught.value, StoreError)
        assert list((tmp_path / "target").iterdir()) == []

    def test_create_makes_a_file_once(self, store: Store) -> None:
        assert store.create("records/aa/x.json", b"first") is True
        assert store.create("records/aa/x.json", b"second") is False
        assert store.read("records/aa/x.json") == b"first"

    def test_of_many_that_create_at_once_one_wins(self, store: Store) -> None:
        for number in range(5):
            with ThreadPoolExecutor(8) as pool:
                won = list(pool.map(lambda who, n=number: store.create(f"lease{n}", b"%d" % who), range(8)))
            assert won.count(True) == 1
            assert store.read(f"lease{number}") == b"%d" % won.index(True)

    def test_append_makes_and_adds(self, store: Store) -> None:
        store.append("events/w.jsonl", b"1\n")
        store.append("events/w.jsonl", b"2\n")
        assert store.read("events/w.jsonl") == b"1\n2\n"

    def test_appends_of_many_threads_do_not_mix(self, store: Store) -> None:
        lines = [b"%04d\n" % number for number in range(64)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda line: store.append("log", line), lines))
        assert sorted(store.read("log").splitlines(keepends=True)) == lines

    def test_delete_takes_files_and_trees_and_nothing_else(self, store: Store) -> None:
        for path in ("d/a", "d/s/b", "dd/c", "d[1]/x", "d1/x", "f"):
            store.write(path, b"")
        store.delete("d")
        store.delete("d[1]")
        store.delete("f")
        store.delete("absent")
        store.delete("absent/deep")
        assert paths(store) == ["d1/x", "dd/c"]
        with pytest.raises(InvalidInput, match="root"):
            store.delete("")

    def test_put_hashes_and_stamps(self, store: Store, tmp_path) -> None:
        local = tmp_path / "l"
        local.write_bytes(b"abc" * 1000)
        entry = store.put_file(str(local), "o/l")
        assert (entry.path, entry.size, entry.sha256) == ("o/l", 3000, hashlib.sha256(b"abc" * 1000).hexdigest())
        assert entry.stamp == store.entry("o/l").stamp  # type: ignore[union-attr]
        assert local.exists()
        assert store.put_file(str(local), "o/l", stamp=False).stamp == ""

    def test_put_with_move_takes_the_file(self, store: Store, tmp_path) -> None:
        (tmp_path / "l").write_bytes(b"abc")
        entry = store.put_file(str(tmp_path / "l"), "o/l", move=True)
        assert entry.sha256 == hashlib.sha256(b"abc").hexdigest()
        assert not (tmp_path / "l").exists()
        assert store.read("o/l") == b"abc"
        assert entry.stamp == store.entry("o/l").stamp  # type: ignore[union-attr]

    def test_large_files_pass_in_pieces(self, store: Store, tmp_path) -> None:
        data = bytes(range(256)) * (36 << 10)  # 9 MiB, beyond one request
        (tmp_path / "l").write_bytes(data)
        sent = store.put_file(str(tmp_path / "l"), "big")
        got = store.get_file("big", str(tmp_path / "back"))
        assert sent.sha256 == got.sha256 == hashlib.sha256(data).hexdigest()
        assert sent.size == got.size == len(data)
        assert (tmp_path / "back").read_bytes() == data
        with store.open("big") as file:
            assert file.read(10) == data[:10]

    def test_a_missing_local_file_is_named(self, store: Store, tmp_path) -> None:
        with pytest.raises(MissingFile, match="nowhere"):
            store.put_file(str(tmp_path / "nowhere"), "o/l")
        assert paths(store) == []

    def test_open_reads_from_the_start_each_time(self, store: Store) -> None:
        store.write("f", b"0123456789")
        with store.open("f") as one, store.open("f") as two:
            assert one.read(5) == b"01234"
            assert two.read(5) == b"01234"
            assert one.read() == b"56789"

    def test_files_on_their_way_are_never_listed(self, store: Store) -> None:
        store.write("d/f", b"")
        store.write(f"d/{TEMPORARY}abc", b"half")
        assert paths(store) == ["d/f"]
        assert store.children("d") == [Child("f", False)]

    def test_below_is_a_store_of_its_own(self, store: Store) -> None:
        inner = store.below("runs/1")
        inner.write("outputs/m.pkl", b"m")
        assert store.read("runs/1/outputs/m.pkl") == b"m"
        assert paths(inner) == ["outputs/m.pkl"]
        assert inner.url_of("outputs/m.pkl") == store.url_of("runs/1/outputs/m.pkl")

    def test_trouble_names_the_store_and_the_path(self, store: Store) -> None:
        store.write("d/f", b"")
        if self.has_real_folders:
            with pytest.raises(StoreError, match="d/f"):
                store.write("d/f/below", b"")
        else:
            store.write("d/f/below", b"x")
            assert (store.kind("d/f"), store.read("d/f"), store.read("d/f/below")) == ("file", b"", b"x")
