from __future__ import annotations

import pytest

from mlsteps.registry.metrics import fold


def logged(*entries):
    return [{"kind": "metric", "name": name, "type": type, "value": value} for name, type, value in entries]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("scalar", 0.5)], 0.5),
        ([("scalar", "text")], "text"),
        ([("scalar", 0.5), ("scalar", 0.4)], [0.5, 0.4]),
        ([("list", [1, 2])], [1, 2]),
        ([("list", [1])], [1]),
        ([("list", [1]), ("list", [2, 3])], [1, 2, 3]),
        ([("list", [1]), ("scalar", 2)], [1, 2]),
        ([("scalar", [1, 2]), ("scalar", [3])], [[1, 2], [3]]),
        ([("row", {"x": 1, "y": 2})], {"x": 1, "y": 2}),
        ([("row", {"x": 1, "y": 2}), ("row", {"x": 3, "y": 4})], {"x": [1, 3], "y": [2, 4]}),
        ([("row", {"x": 1}), ("row", {"y": 2})], {"x": [1, None], "y": [None, 2]}),
        ([("table", {"x": [1, 2], "y": [3, 4]})], {"x": [1, 2], "y": [3, 4]}),
        ([("table", {"x": [1, 2]}), ("row", {"x": 3})], {"x": [1, 2, 3]}),
        ([("table", {"x": [1, 2], "y": 0}), ("row", {"x": 3})], {"x": [1, 2, 3], "y": [0, None, None]}),
        ([("image", "aml://a.png")], "aml://a.png"),
        ([("image", "aml://a.png"), ("image", "aml://b.png")], ["aml://a.png", "aml://b.png"]),
        ([("confusion_matrix", {"data": {"matrix": [[1]]}})], {"data": {"matrix": [[1]]}}),
        ([("residuals", {"d": 1}), ("residuals", {"d": 2})], [{"d": 1}, {"d": 2}]),
    ],
)
def test_what_get_metrics_gives(entries, expected):
    assert fold(logged(*(("m", type, value) for type, value in entries))) == {"m": expected}


def test_names_stay_in_the_order_in_which_they_were_first_logged():
    assert list(fold(logged(("b", "scalar", 1), ("a", "scalar", 1), ("b", "scalar", 2)))) == ["b", "a"]


def test_a_metric_without_a_type_is_a_scalar():
    assert fold([{"kind": "metric", "name": "m", "value": 1}]) == {"m": 1}
