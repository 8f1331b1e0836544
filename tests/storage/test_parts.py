"""Large files that arrive in parts: what a killed try has left counts as far as it is what it says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlsteps.errors import StoreError
from mlsteps.storage.ahead import Pieces
from mlsteps.storage.base import Store
from mlsteps.storage.copying import ledger, run
from mlsteps.storage.copying.plan import Plan, plan, sources
from mlsteps.storage.open import open_store
from mlsteps.storage.part_file import InUse, PartFile
from tests.storage.contract import paths

PIECES = [b"one", b"two2", b"three"]
DATA = b"".join(PIECES)


def begun(final: Path, count: int, key: str = "k") -> None:
    """A part file with so many pieces, left by a try that has ended."""
    with PartFile(str(final), key) as part:
        for piece in PIECES[:count]:
            part.write(piece)


def went_on(final: Path, key: str = "k") -> int:
    """Where another try goes on; it finishes the file."""
    with PartFile(str(final), key) as part:
        start = part.size
        part.write(DATA[start:])
        part.finish()
    assert final.read_bytes() == DATA and part.whole.hexdigest() == hashlib.sha256(DATA).hexdigest()
    assert os.listdir(final.parent) == [final.name]
    return start


def hidden(folder: Path) -> tuple[Path, Path]:
    """The part file, and the list of its pieces."""
    one, two = sorted(folder.glob(".mlsteps-tmp-part-*"))
    return one, two


class TestPartFile:
    @pytest.mark.parametrize(("count", "start"), [(0, 0), (1, 3), (2, 7), (3, 12)])
    def test_it_goes_on_where_it_was(self, tmp_path, count, start) -> None:
        begun(tmp_path / "f", count)
        assert not (tmp_path / "f").exists()
        assert went_on(tmp_path / "f") == start

    def test_other_content_begins_anew(self, tmp_path) -> None:
        begun(tmp_path / "f", 2)
        assert went_on(tmp_path / "f", "other") == 0

    def test_bytes_that_are_not_listed_do_not_count(self, tmp_path) -> None:
        begun(tmp_path / "f", 2)
        with open(hidden(tmp_path)[0], "ab") as file:
            file.write(b"thr")
        assert went_on(tmp_path / "f") == 7

    def test_bytes_that_never_reached_the_disk_do_not_count(self, tmp_path) -> None:
        begun(tmp_path / "f", 3)
        os.truncate(hidden(tmp_path)[0], 5)
        assert went_on(tmp_path / "f") == 3

    def test_altered_bytes_do_not_count(self, tmp_path) -> None:
        begun(tmp_path / "f", 3)
        with open(hidden(tmp_path)[0], "r+b") as file:
            file.seek(4)
            file.write(b"\0")
        assert went_on(tmp_path / "f") == 3

    @pytest.mark.parametrize("text", ["", "k", "k\n3 ", "k\nx y\n", "k\n99 " + "0" * 64 + "\n", "k\n0 x\n"])
    def test_a_list_that_says_nothing_of_use(self, tmp_path, text) -> None:
        begun(tmp_path / "f", 2)
        hidden(tmp_path)[1].write_text(text)
        assert went_on(tmp_path / "f") == 0

    def test_a_line_that_was_cut_off(self, tmp_path) -> None:
        begun(tmp_path / "f", 2)
        listed = hidden(tmp_path)[1]
        listed.write_text(listed.read_text()[:-9])
        assert went_on(tmp_path / "f") == 3

    def test_one_writer_at_a_time(self, tmp_path) -> None:
        with PartFile(str(tmp_path / "f"), "k") as part:
            with pytest.raises(InUse), PartFile(str(tmp_path / "f"), "k"):
                pass
            part.write(DATA)
            part.finish()
        assert (tmp_path / "f").read_bytes() == DATA

    def test_pieces_that_land_in_any_order_count_in_order(self, tmp_path) -> None:
        passed: list[int] = []

        def land(descriptor: int, place: int) -> Iterator[int]:
            os.pwrite(descriptor, b"three", 7)
            os.pwrite(descriptor, b"onetwo2", place)
            yield 3
            yield 4
            raise ConnectionError("reset")

        with pytest.raises(ConnectionError), PartFile(str(tmp_path / "f"), "k") as part:
            part.take(Pieces(iter(()), 12, land), 12, passed.append)
        assert passed == [3, 4] and hidden(tmp_path)[0].read_bytes() == DATA
        assert went_on(tmp_path / "f") == 7

    def test_pieces_that_do_not_all_land_are_no_file(self, tmp_path) -> None:
        def land(descriptor: int, place: int) -> Iterator[int]:
            yield os.pwrite(descriptor, b"one", place)

        with pytest.raises(ConnectionError, match="3 of 12"), PartFile(str(tmp_path / "f"), "k") as part:
            part.take(Pieces(iter(()), 12, land), 12, lambda count: None)
        assert went_on(tmp_path / "f") == 3

    def test_a_full_disk_is_given_its_room_back(self, tmp_path) -> None:
        with pytest.raises(OSError), PartFile(str(tmp_path / "f"), "k") as part:
            part.write(DATA)
            raise OSError(28, "No space left on device")
        assert os.listdir(tmp_path) == []


SIZE = 30 << 20

#: Copies from the folder argv[1] to argv[2] by the way of large files, and ends in the middle.
HALF = """
import os, sys
from mlsteps.storage.copying import run
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.local import LocalStore
from mlsteps.storage.open import open_store
run.LARGE = 1
LocalStore.copy_from = lambda *args, **named: None
kind, found = sources(open_store(sys.argv[1]), "in")
left = iter(range(4))
run.copy(plan(found, kind, open_store(sys.argv[2]), "out"), check=lambda: next(left, None) is None and os._exit(9))
"""


@pytest.fixture
def ends(tmp_path, monkeypatch) -> tuple[Store, Store]:
    """Two folders, between which a killed transfer has moved half of a file."""
    from mlsteps.storage.local import LocalStore

    monkeypatch.setattr(run, "LARGE", 1)
    monkeypatch.setattr(ledger, "LARGE", 1)
    monkeypatch.setattr(LocalStore, "copy_from", lambda *args, **named: None)
    one, two = (open_store(str(tmp_path / name)) for name in ("one", "two"))
    one.write("in", os.urandom(SIZE))
    ended = subprocess.run([sys.executable, "-c", HALF, str(tmp_path / "one"), str(tmp_path / "two")])
    assert ended.returncode == 9 and paths(two) == []
    return one, two


def planned(one: Store, two: Store) -> Plan:
    kind, found = sources(one, "in")
    return plan(found, kind, two, "out")


def moved(one: Store, two: Store) -> str:
    """Transfer it; what the log says at the end."""
    lines: list[str] = []
    (entry,) = run.copy(planned(one, two), note=lines.append).files
    assert two.read("out") == one.read("in") and entry.sha256 == hashlib.sha256(one.read("in")).hexdigest()
    assert os.listdir(two.local_path("")) == ["out"]
    return lines[-1]


def test_a_killed_transfer_goes_on(ends) -> None:
    line = moved(*ends)
    assert "1 files, 6.3 MB in" in line and "25.2 MB were there already" in line


def test_a_source_that_has_changed_begins_anew(ends) -> None:
    ends[0].write("in", os.urandom(SIZE))
    line = moved(*ends)
    assert "31.5 MB in" in line and "there already" not in line


def test_a_source_that_changes_meanwhile_is_not_taken_for_the_one_that_was_listed(ends) -> None:
    one, two = ends
    listed = planned(one, two)
    one.write("in", os.urandom(SIZE))
    with pytest.raises(StoreError, match="changed while it was being read"):
        run.copy(listed)
    assert paths(two) == []


def test_a_transfer_that_is_given_up_leaves_nothing(ends) -> None:
    run.give_up(planned(*ends))
    assert os.listdir(ends[1].local_path("")) == []


def test_a_file_that_another_process_is_writing_is_written_in_the_ordinary_way(ends) -> None:
    one, two = ends
    with PartFile(two.local_path("out"), "of somebody else") as part:
        run.copy(planned(one, two))
        assert two.read("out") == one.read("in")
        part.write(b"")


#: Copies a large file from folder to folder, and ends when so many pieces of it are copied and hashed.
BY_THE_KERNEL = """
import os, sys
from mlsteps.storage import part_file
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.open import open_store
real = part_file.PartFile.remark
def remark(self, size, sha256):
    real(self, size, sha256)
    if size == 64 << 20:
        os._exit(9)
part_file.PartFile.remark = remark
kind, found = sources(open_store(sys.argv[1]), "in")
copy(plan(found, kind, open_store(sys.argv[2]), "out"))
"""


@pytest.mark.parametrize("tampered", [False, True])
def test_a_copy_by_the_kernel_goes_on(tmp_path, tampered) -> None:
    one, two = (open_store(str(tmp_path / name)) for name in ("one", "two"))
    one.write("in", os.urandom(1 << 20) * 100)
    ended = subprocess.run([sys.executable, "-c", BY_THE_KERNEL, str(tmp_path / "one"), str(tmp_path / "two")])
    assert ended.returncode == 9 and paths(two) == []
    if tampered:
        with open(hidden(tmp_path / "two")[0], "r+b") as file:
            file.seek(40 << 20)
            file.write(b"other")
    line = moved(one, two)
    assert ("33.6 MB" if tampered else "67.1 MB") + " were there already" in line
