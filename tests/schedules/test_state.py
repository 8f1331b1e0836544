"""What a data-driven schedule has seen: each change starts one run, whatever is killed in between."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsteps.errors import StoreError
from mlsteps.registry import schedule_state
from mlsteps.storage.base import Entry
from mlsteps.storage.workspace_store import WorkspaceStore

PATHS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), PATHS, st.sampled_from(["1", "2"])),
        st.tuples(st.just("delete"), PATHS, st.just("")),
        st.tuples(st.just("poll"), st.integers(0, 4), st.booleans()),
    ),
    max_size=25,
)


class Datastore:
    """Files and their stamps, and what a reader who looks now and then must be told of."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def listing(self) -> list[Entry]:
        return [Entry(path, 1, stamp) for path, stamp in sorted(self.files.items())]


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_every_change_that_a_poll_finds_starts_one_run_whatever_is_killed(steps: list[tuple]) -> None:
    """``poll, n, dies``: look, start the first ``n`` runs, and die before the rest when told to."""
    with tempfile.TemporaryDirectory() as folder:
        ws, data = WorkspaceStore(folder), Datastore()
        generation = schedule_state.begin(ws, "s", data.listing())
        started: dict[tuple[int, str], str] = {}
        settled: list[tuple[str, str]] = []
        known: dict[str, str] = {}
        for kind, what, how in [*steps, ("poll", 9, False), ("poll", 9, False)]:
            if kind == "write":
                data.files[what] = how
            elif kind == "delete":
                data.files.pop(what, None)
            else:
                taken = schedule_state.take(ws, "s", generation, data.listing())
                if taken is None:
                    continue
                for path, stamp in taken.batch.changed[: what if how else None]:
                    assert started.setdefault((taken.number, path), stamp) == stamp
                if not how:
                    settled += taken.batch.changed
                    known.update(taken.batch.changed)
                    for path in taken.batch.gone:
                        del known[path]
                    schedule_state.settle(ws, "s", generation, taken.number)
                    schedule_state.settle(ws, "s", generation, taken.number)
        assert schedule_state.pending(ws, "s", generation, data.listing()) == 0
        assert known == {path: f"1/{stamp}" for path, stamp in data.files.items()}
        assert sorted((path, stamp) for (_, path), stamp in started.items()) == sorted(settled), "one run for each"


def test_what_is_there_at_the_beginning_starts_nothing(tmp_path: Path) -> None:
    ws = WorkspaceStore(str(tmp_path))
    before = [Entry("old.csv", 3, "x")]
    generation = schedule_state.begin(ws, "s", before)
    assert schedule_state.take(ws, "s", generation, before) is None
    taken = schedule_state.take(ws, "s", generation, [*before, Entry("new.csv", 1, "y")])
    assert taken is not None and taken.batch.changed == [("new.csv", "1/y")]


def test_a_batch_is_the_same_for_all_who_take_it_until_it_is_settled(tmp_path: Path) -> None:
    ws = WorkspaceStore(str(tmp_path))
    generation = schedule_state.begin(ws, "s", [])
    first = schedule_state.take(ws, "s", generation, [Entry("a", 1, "1")])
    later = schedule_state.take(ws, "s", generation, [Entry("a", 1, "2"), Entry("b", 1, "1")])
    assert first == later and first is not None
    schedule_state.settle(ws, "s", generation, first.number)
    rest = schedule_state.take(ws, "s", generation, [Entry("a", 1, "2"), Entry("b", 1, "1")])
    assert rest is not None and rest.batch.changed == [("a", "1/2"), ("b", "1/1")]


def test_thousands_of_changes_come_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_state, "MOST", 2)
    ws = WorkspaceStore(str(tmp_path))
    generation = schedule_state.begin(ws, "s", [])
    found, seen = [Entry(name, 1, "1") for name in "abcde"], []
    while (taken := schedule_state.take(ws, "s", generation, found)) is not None:
        seen.append([path for path, _ in taken.batch.changed])
        schedule_state.settle(ws, "s", generation, taken.number)
    assert seen == [["a", "b"], ["c", "d"], ["e"]]


def test_a_state_that_is_gone_is_an_error_and_not_a_run_for_each_file(tmp_path: Path) -> None:
    ws = WorkspaceStore(str(tmp_path))
    with pytest.raises(StoreError, match="seen is gone"):
        schedule_state.take(ws, "s", "g", [Entry("a", 1, "1")])
