"""Output with the cluster's times: what was handed on is known by them, to the line."""

from __future__ import annotations

import pytest

from mlsteps.compute.keeper import MARK
from mlsteps.compute.kubernetes_said import Said, after, new_lines


def timed(*rows):
    """As a kubelet writes them."""
    return b"".join(f"2026-01-01T00:00:0{second}.000000000Z {text}\n".encode() for second, text in rows)


WHOLE = timed((1, "a"), (2, "b"), (2, "c"), (2, ""), (3, "d ü"))


def test_each_line_is_handed_on_once_by_whoever_comes_to_it():
    for cut in range(len(WHOLE) + 1):  # wherever the first look ends
        first, said = new_lines(WHOLE[:cut], Said())
        second, at_last = new_lines(WHOLE, said)
        assert [*first, *second] == ["a", "b", "c", "", "d ü"]
        rest = b"".join(after([WHOLE], said)) if said.time else b"a\nb\nc\n\nd \xc3\xbc\n"
        assert rest.decode().split("\n")[:-1] == second
        assert new_lines(WHOLE, at_last) == ([], at_last)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_may_end_anywhere(size):
    _, said = new_lines(timed((1, "a"), (2, "b")), Said())
    pieces = [WHOLE[at : at + size] for at in range(0, len(WHOLE), size)]
    assert b"".join(after(pieces, said)) == b"c\n\nd \xc3\xbc\n"
    unended = [b"2026-01-01T00:00:05.000000000Z no end"]
    assert b"".join(after([*pieces, *unended], said)).endswith(b"no end")


def test_a_later_look_need_not_begin_at_the_first_line():
    _, said = new_lines(WHOLE, Said())
    assert new_lines(timed((2, "b"), (2, "c"), (2, ""), (3, "d ü"), (4, "e")), said)[0] == ["e"]


def test_the_end_is_left_to_the_task():
    mark = MARK.decode().strip("\n")
    lines, said = new_lines(timed((1, "a"), (2, f"last{mark}"), (3, "of a process that is left")), Said())
    assert (lines, said) == (["a"], Said("2026-01-01T00:00:01.000000000Z", 1))
    assert new_lines(timed((1, "10%\r20%\r")), Said())[0] == ["20%"]
