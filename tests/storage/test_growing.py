"""Large files that grow on another machine: what a killed try has left counts as far as it is what it says.

A folder stands for the other machine; tests/components/test_resumed.py has real ones.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mlsteps.storage.ahead import PIECE
from mlsteps.storage.growing import Ground, gone, grown
from mlsteps.storage.parts import Coming, Remarks

DATA = os.urandom(3 * PIECE + 1234)


class Folder(Ground):
    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, path: str) -> BinaryIO:
        place = self._root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        return open(place, "r+b", buffering=0)

    def write(self, file: BinaryIO, piece: Any) -> None:
        file.write(piece)

    def remove(self, path: str) -> None:
        (self._root / path).unlink(missing_ok=True)


class Noted(Remarks):
    """In memory."""

    text = ""

    def read(self) -> str:
        return self.text

    def write(self, text: str) -> None:
        self.text = text


class Killed(Exception):
    """The process ends here."""


def coming(key: str = "k", near: bool = True) -> Coming:
    return Coming(key, len(DATA), lambda start, end: io.BytesIO(DATA[start:end]), lambda: None, near)


def begun(folder: Path, remarks: Remarks, pieces: int = 2) -> Path:
    """What a try has left that was killed after so many pieces."""
    left = iter(range(pieces))

    def passing(count: int) -> None:
        if next(left, None) is None:
            raise Killed

    with pytest.raises(Killed):
        grown(Folder(folder), "d/f", coming(), remarks, passing, lambda count: None)
    (found,) = [path for path in (folder / "d").iterdir() if path.suffix != ".parts"]
    return found


def went_on(folder: Path, remarks: Remarks, what: Coming) -> tuple[int, str]:
    """How many bytes the next try finds, and the digest that it tells."""
    kept: list[int] = []
    hidden, sha256 = grown(Folder(folder), "d/f", what, remarks, lambda count: None, kept.append)
    assert (folder / hidden).read_bytes() == DATA
    os.replace(folder / hidden, folder / "d" / "f")
    gone(Folder(folder), "d/f", hidden)
    assert os.listdir(folder / "d") == ["f"]
    return kept[0], sha256


@pytest.mark.parametrize("near", [True, False])
def test_it_goes_on_where_it_was(tmp_path: Path, near: bool) -> None:
    remarks = Noted()
    begun(tmp_path, remarks)
    digest = hashlib.sha256(DATA).hexdigest() if near else ""
    assert went_on(tmp_path, remarks, coming(near=near)) == (2 * PIECE, digest)


def test_other_content_begins_anew(tmp_path: Path) -> None:
    remarks = Noted()
    begun(tmp_path, remarks)
    assert went_on(tmp_path, remarks, coming("other"))[0] == 0


@pytest.mark.parametrize("size", [2 * PIECE - 1, PIECE])
def test_bytes_that_the_server_has_lost_do_not_count(tmp_path: Path, size: int) -> None:
    remarks = Noted()
    os.truncate(begun(tmp_path, remarks), size)
    assert went_on(tmp_path, remarks, coming())[0] == PIECE


def test_bytes_that_became_zeros_do_not_count(tmp_path: Path) -> None:
    remarks = Noted()
    with open(begun(tmp_path, remarks), "r+b") as file:
        file.seek(2 * PIECE - 100)
        file.write(bytes(100))
    assert went_on(tmp_path, remarks, coming())[0] == PIECE


@pytest.mark.parametrize("text", ["", "x", "\n", "1 2\n", "5 9 x\n", "99999999999 1 x\n", "0 0 x\n"])
def test_a_list_that_says_nothing_of_use(tmp_path: Path, text: str) -> None:
    remarks = Noted()
    found = begun(tmp_path, remarks)
    found.with_name(found.name + ".parts").write_text(text)
    assert went_on(tmp_path, remarks, coming())[0] == 0


def test_a_remark_removes_nothing_but_files_on_their_way_to_that_name(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    for remark in ("precious", "d/../precious", "", ".mlsteps-tmp-part-other"):
        gone(Folder(tmp_path), "d/f", remark)
    assert os.listdir(tmp_path) == ["precious"]


def test_a_full_store_is_given_its_room_back(tmp_path: Path) -> None:
    def passing(count: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        grown(Folder(tmp_path), "d/f", coming(), Noted(), passing, lambda count: None)
    assert os.listdir(tmp_path / "d") == []
