"""Ids of steps: safe, unique, always the same."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mlsteps.graph.names import Names, slug


def test_slugs():
    assert slug("Evaluate Model ") == "Evaluate_Model"
    assert slug("train.py") == "train.py" and slug("überprüfen") == "berpr_fen"
    assert slug("  ") == slug("äö") == "step"


def test_a_number_never_takes_a_name_that_is_written_out():
    names = Names()
    assert [names.unique(text) for text in ("train", "train_2", "train", "Train", "train")] == [
        "train",
        "train_2",
        "train_3",
        "Train_4",
        "train_5",
    ]


def test_names_that_are_taken_are_given_to_nobody():
    names = Names(["plan"])
    assert [names.unique(text) for text in ("plan", "Plan", "planner")] == ["plan_2", "Plan_3", "planner"]


@given(st.lists(st.text(max_size=8) | st.sampled_from(["a", "A", "a_2", "a_3"]), max_size=30))
def test_ids_are_safe_unique_and_repeatable(texts):
    def ids():
        names = Names()
        return [names.unique(text) for text in texts]

    made = ids()
    assert made == ids()
    assert len({item.lower() for item in made}) == len(texts)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", item) for item in made)
