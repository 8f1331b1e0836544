from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.contracts.codec import canonical
from mlsteps.reuse.difference import components, difference, summary

OLD = {
    "format": 1,
    "type": "PythonScript",
    "script": "train.py",
    "arguments": ["--lr", "x", 0.1, {"input": 0}],
    "source": "aaa",
    "environment": {"python": "3.10", "pip": ["numpy==1.0", "pandas"]},
    "settings": {"node_count": 1},
    "inputs": [{"content": "tree:1:folder", "mode": "mount"}],
    "outputs": [{"kind": "file"}],
    "details": {"name": "t", "inputs": [["data"]], "outputs": ["model"], "files": {"train.py": "1", "old.py": "1"}},
}


def words(**changes):
    new = {**OLD, **changes}
    return [
        str(change) for change in difference(OLD, {name: value for name, value in new.items() if value is not None})
    ]


def test_equal_preimages_have_no_difference():
    assert difference(OLD, {**OLD, "details": {"name": "renamed"}}) == []
    assert summary(OLD, OLD) == "none of 9 components differs"


def test_the_summary_reads_like_a_sentence():
    new = {**OLD, "source": "bbb", "arguments": ["--lr", "x", 0.2, {"input": 0}]}
    new["details"] = {**OLD["details"], "files": {"train.py": "2", "old.py": "1"}}
    assert summary(OLD, new) == "2 of 9 components differ: argument 3: 0.1 -> 0.2; source: train.py changed"
    assert summary(OLD, {**OLD, "version": "2"}) == "1 of 10 components differs: version: '2' added"


def test_a_long_summary_is_cut():
    new = {**OLD, "arguments": list(range(30))}
    assert summary(OLD, new).endswith("; and 22 more")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"script": "other.py"}, ["script: 'train.py' -> 'other.py'"]),
        ({"script": None}, ["script: 'train.py' removed"]),
        ({"version": "1"}, ["version: '1' added"]),
        ({"arguments": ["--lr", "x", 0.1, {"input": 1}]}, ['argument 4: {"input":0} -> {"input":1}']),
        ({"arguments": ["--new", "--lr", "x", 0.1, {"input": 0}]}, ["argument 1: '--new' added"]),
        ({"arguments": ["--lr", 0.1, {"input": 0}]}, ["argument 2: 'x' removed"]),
        ({"arguments": ["--lr", "x", "0.1", {"input": 0}]}, ["argument 3: 0.1 -> '0.1'"]),
        (
            {"environment": {"python": "3.11", "pip": ["numpy==1.0", "pandas"]}},
            ["environment python: '3.10' -> '3.11'"],
        ),
        (
            {"environment": {"python": "3.10", "pip": ["numpy==2.0", "pandas"], "conda": True}},
            [
                "environment pip: 'numpy==1.0' removed",
                "environment pip: 'numpy==2.0' added",
                "environment conda: True added",
            ],
        ),
        (
            {"environment": {"python": "3.10", "pip": ["pandas", "numpy==1.0"]}},
            ['environment pip: ["numpy==1.0","pandas"] -> ["pandas","numpy==1.0"]'],
        ),
        ({"environment_variables": {"A": "1"}}, ['environment variables: {"A":"1"} added']),
        ({"settings": {"node_count": 2}}, ["settings node_count: 1 -> 2"]),
        ({"inputs": [{"content": "tree:2:folder", "mode": "mount"}]}, ["input 'data': the data changed"]),
        ({"inputs": [{"content": "tree:1:folder", "mode": "download"}]}, ["input 'data', mode: 'mount' -> 'download'"]),
        ({"inputs": None}, ["input 'data': removed"]),
        ({"outputs": [{"kind": "file"}, {"kind": "file"}]}, ["output 2: added"]),
        ({"source": "bbb"}, ["source: changed"]),
    ],
    ids=str,
)
def test_fields(changes, expected):
    assert words(**changes) == expected


def test_files_of_the_source_are_named_when_known():
    files = {"train.py": "2", "new.py": "1"}
    assert words(source="bbb", details={**OLD["details"], "files": files}) == [
        "source: new.py added, old.py removed, train.py changed"
    ]
    many = {**OLD["details"]["files"], **{f"{number}.py": "1" for number in range(9)}}
    assert words(source="bbb", details={**OLD["details"], "files": many})[0].endswith("4.py added and 4 more files")


def test_files_of_an_input_are_named_when_known():
    old = {**OLD, "details": {**OLD["details"], "contents": {"data": [["a.csv", 3, "x"], ["b.csv", 4, "y"]]}}}
    new = {**OLD, "inputs": [{"content": "tree:2", "mode": "mount"}]}
    new["details"] = {**OLD["details"], "contents": {"data": [["a.csv", 3, "z"], ["b.csv", 4, "y"]]}}
    assert [str(change) for change in difference(old, new)] == ["input 'data': the data changed (a.csv changed)"]


def test_long_values_are_cut():
    assert len(words(arguments=["--lr", "x" * 500, 0.1, {"input": 0}])[0]) < 150


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PREIMAGES = st.dictionaries(
    st.sampled_from(["type", "script", "arguments", "command", "environment", "settings", "payload", "source"]), DATA
)


@given(PREIMAGES, PREIMAGES)
def test_each_differing_component_is_told_and_no_other(old, new):
    told = {change.component for change in difference(old, new)}
    assert told == {name for name in components(old, new) if canonical(old.get(name)) != canonical(new.get(name))}
    assert all(str(change) for change in difference(old, new))
