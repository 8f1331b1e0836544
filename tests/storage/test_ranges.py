"""Files that are read by ranges: what is asked for, and that it is what the file holds."""

from __future__ import annotations

import os

import pytest

from mlsteps.storage.ranges import FIRST, MOST, open_ranges

SIZE = 40 * MOST // 8
DATA = os.urandom(SIZE)


class Asked:
    """A file that remembers which ranges were asked for."""

    def __init__(self, head: int = 0) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.file = open_ranges(self.fetch, SIZE, DATA[:head])

    def fetch(self, start: int, end: int) -> bytes:
        self.ranges.append((start, end))
        return DATA[start:end]

    @property
    def bytes(self) -> int:
        return sum(end - start for start, end in self.ranges)


@pytest.mark.parametrize("head", [0, FIRST])
def test_all_of_a_file_is_asked_for_once_in_growing_ranges(head: int) -> None:
    asked = Asked(head)
    assert asked.file.read() == DATA
    assert asked.bytes == SIZE - head
    sizes = [end - start for start, end in asked.ranges]
    assert sizes[0] == FIRST and sizes[:-1] == sorted(sizes[:-1]) and max(sizes) <= MOST


@pytest.mark.parametrize("count", [1, FIRST, 5 * FIRST, 4 * MOST // 2])
def test_of_what_nobody_reads_little_is_asked_for(count: int) -> None:
    asked = Asked()
    for start in range(0, count, 10_000):
        wanted = min(10_000, count - start)
        assert asked.file.read(wanted) == DATA[start : start + wanted]
    assert asked.bytes <= count * 3 // 2 + FIRST


def test_who_jumps_asks_for_little_at_each_place() -> None:
    asked = Asked()
    for place in (SIZE - 10, 5, SIZE // 2, 7 * FIRST):
        asked.file.seek(place)
        assert asked.file.read(10) == DATA[place : place + 10]
    assert asked.bytes <= 10 + 3 * FIRST
