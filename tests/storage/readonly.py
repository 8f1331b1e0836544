"""What a store must do that can only be read. A test class gives ``store``, and ``root``: the folder behind it."""

from __future__ import annotations

import hashlib
import io
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput, StoreError, UnsupportedFeature
from mlsteps.storage.base import MissingFile, Store
from tests.storage.contract import ODD_NAMES


def put(root: Path, path: str, data: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


class ReadOnlyContract:
    """The half of :class:`tests.storage.contract.StoreContract` that is about reading; the other half is refused."""

    def test_what_is_there_is_read(self, store: Store, root: Path) -> None:
        put(root, "data/train.csv", b"1,2\n")
        put(root, "empty", b"")
        assert store.read("data/train.csv") == b"1,2\n"
        assert store.read("empty") == b""
        with store.open("empty") as file:
            assert file.read() == b""

    def test_an_entry_has_size_and_a_stamp_that_changes(self, store: Store, root: Path) -> None:
        put(root, "d/f.txt", b"123")
        before = store.entry("d/f.txt")
        assert before is not None and (before.path, before.size) == ("d/f.txt", 3) and before.stamp
        assert list(store.list("d/f.txt")) == [before]
        assert (store.kind("d/f.txt"), store.kind("d/absent")) == ("file", None)
        assert store.entry("d/absent") is None
        put(root, "d/f.txt", b"1234")
        os.utime(root / "d/f.txt", (1e9, 1e9))
        assert store.entry("d/f.txt").stamp != before.stamp  # type: ignore[union-attr]

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_survive(self, store: Store, root: Path, name: str, tmp_path) -> None:
        path = f"odd folder/{name}"
        put(root, path, b"content")
        assert store.read(path) == b"content"
        store.get_file(path, str(tmp_path / "back" / name))
        assert (tmp_path / "back" / name).read_bytes() == b"content"

    @pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "C:\\x", "a\0b", "..\\x"])
    def test_paths_that_leave_are_refused_everywhere(self, store: Store, path: str, tmp_path) -> None:
        attempts = [store.read, store.open, store.entry, store.kind, store.url_of, store.below]
        for attempt in [*attempts, lambda path: store.get_file(path, str(tmp_path / "g"))]:
            with pytest.raises(InvalidInput, match="path"):
                attempt(path)

    def test_absent_files_say_which(self, store: Store, tmp_path) -> None:
        (tmp_path / "target").mkdir()
        for attempt in (store.read, store.open, lambda path: store.get_file(path, str(tmp_path / "target" / "x"))):
            with pytest.raises(MissingFile, match=r"no/such\.csv"):
                attempt("no/such.csv")
        assert list((tmp_path / "target").iterdir()) == []

    def test_large_files_pass_in_pieces(self, store: Store, root: Path, tmp_path) -> None:
        data = bytes(range(256)) * (36 << 10)
        put(root, "big", data)
        got = store.get_file("big", str(tmp_path / "back"))
        assert (got.size, got.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert (tmp_path / "back").read_bytes() == data
        with store.open("big") as file:
            assert file.read(10) == data[:10]
            assert file.read() == data[10:]

    def test_open_reads_from_the_start_each_time(self, store: Store, root: Path) -> None:
        put(root, "f", b"0123456789")
        with store.open("f") as one, store.open("f") as two:
            assert (one.read(5), two.read(5), one.read()) == (b"01234", b"01234", b"56789")

    def test_many_read_at_once(self, store: Store, root: Path) -> None:
        for number in range(16):
            put(root, f"n{number}", b"%d" % number)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda number: store.read(f"n{number}"), range(16))) == [b"%d" % n for n in range(16)]

    def test_below_is_a_store_of_its_own(self, store: Store, root: Path) -> None:
        put(root, "runs/1/m.pkl", b"m")
        inner = store.below("runs/1")
        assert inner.read("m.pkl") == b"m"
        assert inner.url_of("m.pkl") == store.url_of("runs/1/m.pkl")

    def test_whatever_writes_is_refused_and_says_what_to_do(self, store: Store, root: Path, tmp_path) -> None:
        put(root, "f", b"as it was")
        (tmp_path / "l").write_bytes(b"new")
        attempts = [
            lambda: store.write("f", b"new"),
            lambda: store.create("new", b"new"),
            lambda: store.append("f", b"new"),
            lambda: store.delete("f"),
            lambda: store.put_file(str(tmp_path / "l"), "f", move=True),
            lambda: store.receive(io.BytesIO(b"new"), "f"),
        ]
        for attempt in attempts:
            with pytest.raises(UnsupportedFeature, match=re.escape(store.url)) as caught:
                attempt()
            assert "a datastore" in caught.value.message
        assert [path.read_bytes() for path in root.iterdir()] == [b"as it was"]
        assert (tmp_path / "l").exists()

    def test_listing_is_refused(self, store: Store) -> None:
        for attempt in (lambda: list(store.list()), lambda: store.children()):
            with pytest.raises(UnsupportedFeature, match="Listing"):
                attempt()

    def test_a_server_that_is_gone_is_named(self, store: Store) -> None:
        gone = type(store)("http://127.0.0.1:9/folder")
        with pytest.raises(StoreError, match=r"127\.0\.0\.1:9/folder/f"):
            gone._request = _refused  # type: ignore[attr-defined]  # a refusal is tried again for seconds
            gone.read("f")


def _refused(*args: object, **named: object) -> None:
    raise PermissionError("refused")
