"""Inference and partition formats: no pandas."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlsteps.errors import InvalidInput
from mlsteps.tables.inference import infer
from mlsteps.tables.partitions import compiled, partition_keys

SEGMENT = st.text(st.characters(blacklist_characters="/\n\r", blacklist_categories=("Cs",)), min_size=1, max_size=8)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SEGMENT, SEGMENT, st.datetimes(datetime.datetime(1000, 1, 1), datetime.datetime(9999, 12, 31)))
def test_what_a_format_wrote_it_reads(first, second, when):
    form = compiled("{a}/{when:yyyy-MM-dd-HH-mm-ss}/{b}/file.csv")
    path = f"root/{first}/{when:%Y-%m-%d-%H-%M-%S}/{second}/file.csv".replace(
        f"{when:%Y-%m-%d-%H-%M-%S}", f"{when.year:04d}-{when:%m-%d-%H-%M-%S}", 1
    )
    found = form.values(path)
    assert found == {"a": first, "when": when.replace(microsecond=0), "b": second}


def test_formats_describe_the_end_of_a_path():
    form = compiled("/{a}/{b:yyyy/MM/dd}/*.csv")
    assert form.values("x/y/2020/02/03/z.csv") == {"a": "y", "b": datetime.datetime(2020, 2, 3)}
    assert form.values("y/2020/02/03/z.txt") == {"a": None, "b": None}
    assert form.values("y/2020/02/31/z.csv") == {"a": "y", "b": None}
    assert partition_keys("{a}/{b}.csv") == ["a", "b"]
    assert partition_keys(None) == []


@pytest.mark.parametrize("form", ["no columns", "{a", "a}{b}", "{a}/{a}", "{}", "{a:xyz}", 3])
def test_formats_that_cannot_be_read_are_refused(form):
    with pytest.raises(InvalidInput):
        compiled(form)


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1))
def test_whole_numbers_are_long(numbers):
    assert infer([str(number) for number in numbers]) == {"type": "long"}


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1))
def test_python_writes_floats_that_are_recognised(numbers):
    assert infer([repr(number) for number in numbers])["type"] in ("float", "long")


@given(st.lists(st.datetimes(datetime.datetime(1000, 1, 1)), min_size=1))
def test_iso_times_are_recognised(times):
    assert infer([time.isoformat() for time in times]) == {"type": "datetime", "formats": []}


@given(st.lists(st.text(min_size=1), min_size=1))
def test_inference_never_fails(texts):
    assert infer(texts)["type"] in ("string", "long", "float", "bool", "datetime")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([], "string"),
        (["", ""], "string"),
        (["1", "", "NA"], "long"),
        (["1", "two"], "string"),
        (["NA", "NA"], "string"),
        (["nan", "NaN"], "float"),
        (["True", "false"], "bool"),
        (["0", "1"], "long"),
        (["1/2/2020"], "string"),
        (["1/13/2020"], "datetime"),
        (["13/1/2020"], "datetime"),
        (["13/1/2020", "1/13/2020"], "string"),
        (["40/1/2020"], "string"),
        (["13.1.2020"], "datetime"),
        (["13.1/2020"], "string"),
        (["1,000"], "string"),
        (["99999999999999999999"], "float"),
    ],
)
def test_single_cases(texts, kind):
    assert infer(texts)["type"] == kind
