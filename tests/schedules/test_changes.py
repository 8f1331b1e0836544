"""What a poll finds: on real stores, against a plain comparison."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.schedules.changes import Batch, changes, settled
from mlsteps.storage.base import Store
from mlsteps.storage.open import open_store

STATES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123"))


@given(STATES, STATES)
def test_a_batch_holds_what_was_added_modified_and_removed_and_settles_it(
    seen: dict[str, str], now: dict[str, str]
) -> None:
    batch = changes(now.items(), seen, 100)
    assert batch.changed == sorted((path, stamp) for path, stamp in now.items() if (path, stamp) not in seen.items())
    assert batch.gone == sorted(seen.keys() - now.keys())
    assert settled(batch, seen) == now
    assert changes(now.items(), settled(batch, seen), 100) == Batch([], [])
    assert Batch.from_json(batch.to_json()) == batch


@given(STATES, STATES, st.integers(1, 3))
def test_small_batches_come_to_the_same_without_repeating_anything(
    seen: dict[str, str], now: dict[str, str], limit: int
) -> None:
    started: list[tuple[str, str]] = []
    for _ in range(7):
        batch = changes(now.items(), seen, limit)
        assert len(batch.changed) <= limit
        started += batch.changed
        before, seen = seen, settled(batch, seen)
    assert before == seen == now
    assert len(set(started)) == len(started)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store") if request.param == "local" else f"memory://{uuid.uuid4().hex}")


def test_a_store_lists_the_files_directly_below_a_path(store: Store) -> None:
    for path in ("in/b.csv", "in/a.csv", "in/deeper/c.csv", "inside.csv"):
        store.write(path, b"1")
    assert store.files_in("in") == [store.entry("in/a.csv"), store.entry("in/b.csv")]
    assert [entry.path for entry in store.files_in("in/")] == ["in/a.csv", "in/b.csv"]
    assert [entry.path for entry in store.files_in()] == ["inside.csv"]
    assert store.files_in("absent") == []
    assert list(Store.files_in(store, "in")) == store.files_in("in")
    assert Store.files_in(store) == store.files_in()
