"""Bytes cut into lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlsteps.compute import lines
from mlsteps.compute.lines import Lines


def cut(*pieces):
    seen = []
    taken = Lines(seen.append)
    for piece in pieces:
        taken.feed(piece)
    taken.feed(b"", final=True)
    return seen


@given(st.lists(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]))), st.data())
def test_however_the_bytes_come_the_lines_are_the_same(texts, data):
    whole = "".join(text + "\n" for text in texts).encode()
    marks = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[start:end] for start, end in zip([0, *marks], [*marks, len(whole)], strict=True)]
    assert cut(*pieces) == texts


def test_the_end_needs_no_newline():
    assert cut(b"one\ntw", b"o") == ["one", "two"]


def test_windows_ends_and_progress():
    assert cut(b"one\r\n", b"10%\r50%\r100%\n") == ["one", "100%"]


def test_a_long_line_is_cut(monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 10)
    assert cut(b"123456", b"789012", b"345\n") == ["123456789012", "345"]


def test_the_last_lines_are_kept():
    taken = Lines(lambda line: None, keep=2)
    taken.feed(b"1\n2\n3\n")
    assert list(taken.last) == ["2", "3"]
