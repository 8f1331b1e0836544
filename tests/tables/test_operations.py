"""What a definition does with rows."""

from __future__ import annotations

import datetime

import pytest

from mlsteps.errors import DatasetExecutionError, DatasetTimestampMissingError, InvalidInput
from mlsteps.sdk.dataset import Dataset
from mlsteps.storage.open import open_store
from mlsteps.tables.frame import read

ROWS = "n,s,t\n" + "".join(f"{n},{'ab'[n % 2]}{n},2020-01-{n + 1:02d}\n" for n in range(20))


@pytest.fixture
def rows(root):
    (root / "t.csv").write_text(ROWS)
    return Dataset.Tabular.from_delimited_files(str(root / "t.csv"))


def numbers(dataset):
    return dataset.to_pandas_dataframe()["n"].tolist()


def test_take_and_skip_in_order(rows):
    assert numbers(rows.skip(3).take(2)) == [3, 4]
    assert numbers(rows.take(5).skip(3)) == [3, 4]
    assert rows.skip(3).take(2).to_pandas_dataframe().index.tolist() == [0, 1]
    assert numbers(rows.take(0)) == []


def test_columns_are_kept_and_dropped(rows):
    assert list(rows.keep_columns(["s", "n"]).to_pandas_dataframe().columns) == ["s", "n"]
    assert list(rows.drop_columns("s").drop_columns(["not there"]).to_pandas_dataframe().columns) == ["n", "t"]
    with pytest.raises(DatasetExecutionError, match=r"'x'.*'n', 's', 't'"):
        rows.keep_columns("x").to_pandas_dataframe()
    with pytest.raises(InvalidInput):
        rows.keep_columns([1])


def test_a_split_shares_all_rows_and_is_the_same_each_time(rows):
    first, second = rows.random_split(0.5, seed=7)
    assert sorted(numbers(first) + numbers(second)) == list(range(20))
    assert numbers(rows.random_split(0.5, seed=7)[0]) == numbers(first)
    assert 3 < len(numbers(first)) < 17
    assert numbers(rows.random_split(0.5, seed=8)[0]) != numbers(first)
    unseeded = rows.random_split(0.5)
    assert sorted(numbers(unseeded[0]) + numbers(unseeded[1])) == list(range(20))
    # The same rows with every numpy and pandas: halves may be read in two environments.
    assert numbers(first) == [0, 2, 7, 8, 9, 12, 13, 14, 16, 17, 19]


def test_a_sample_has_about_its_share(rows):
    assert numbers(rows.take_sample(1.0, seed=1)) == list(range(20))
    assert numbers(rows.take_sample(0.0, seed=1)) == []
    assert 3 < len(numbers(rows.take_sample(0.5, seed=1))) < 17


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda d: d["n"] > 17, [18, 19]),
        (lambda d: d["n"] <= 1, [0, 1]),
        (lambda d: (d["n"] >= 3) & (d["n"] < 6) & ~(d["n"] == 4), [3, 5]),
        (lambda d: (d["n"] == 0) | (d["s"] == "b19"), [0, 19]),
        (lambda d: (d["n"] != 0) & (d["n"] < 2), [1]),
        (lambda d: d["s"].starts_with("b") & (d["n"] > 16), [17, 19]),
        (lambda d: d["s"].ends_with("7"), [7, 17]),
        (lambda d: d["s"].contains("1") & (d["n"] < 11), [1, 10]),
        (lambda d: d["t"] > datetime.datetime(2020, 1, 19), [19]),
        (lambda d: d["n"].is_null(), []),
    ],
)
def test_filters(rows, make, expected):
    assert numbers(rows.filter(make(rows))) == expected


def test_nulls_pass_no_filter_but_that_for_nulls(root):
    (root / "t.csv").write_text("n,s\n1,a\n,\n3,c\n")
    rows = Dataset.Tabular.from_delimited_files(str(root / "t.csv"))
    assert numbers(rows.filter(rows["n"] > 0)) == [1, 3]
    assert numbers(rows.filter(rows["s"].starts_with("a"))) == [1]
    assert len(rows.filter(rows["s"].is_null()).to_pandas_dataframe()) == 1


def test_wrong_filters_say_why(rows):
    with pytest.raises(DatasetExecutionError, match="'x'"):
        rows.filter(rows["x"] > 1).to_pandas_dataframe()
    with pytest.raises(DatasetExecutionError, match="cannot be evaluated"):
        rows.filter(rows["s"] > 1).to_pandas_dataframe()
    with pytest.raises(InvalidInput, match="expression"):
        rows.filter("n > 1")
    with pytest.raises(InvalidInput, match="&"):
        rows.filter(rows["n"] > 1 and rows["n"] < 3)
    with pytest.raises(InvalidInput, match="keep_columns"):
        rows[["n", "s"]]
    with pytest.raises(InvalidInput):
        rows.filter(rows["n"] > [1])
    assert repr((rows["n"] > 1) & ~(rows["s"] == "a")) == "((dataset['n'] > 1) & ~(dataset['s'] == 'a'))"


def test_time_filters_need_columns_and_respect_boundaries(rows):
    start, end = datetime.datetime(2020, 1, 3), datetime.datetime(2020, 1, 5)
    with pytest.raises(DatasetTimestampMissingError, match="with_timestamp_columns"):
        rows.time_after(start)
    timed = rows.with_timestamp_columns("t")
    assert timed.timestamp_columns == ("t", None)
    assert numbers(timed.time_between(start, end)) == [2, 3, 4]
    assert numbers(timed.time_between(start, end, include_boundary=False)) == [3]
    assert numbers(timed.time_before(start)) == [0, 1, 2]
    assert numbers(timed.time_after(datetime.datetime(2020, 1, 19), include_boundary=False)) == [19]
    zoned = datetime.datetime(2020, 1, 19, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    assert numbers(timed.time_after(zoned)) == [18, 19]
    assert numbers(timed.time_recent(datetime.timedelta(days=1))) == []
    assert len(numbers(timed.time_recent(datetime.timedelta(days=36500)))) == 20


def test_a_dataset_that_loses_its_timestamp_loses_its_time_filters(rows):
    timed = rows.with_timestamp_columns(timestamp="t")
    assert timed.drop_columns("n").timestamp_columns == ("t", None)
    assert timed.keep_columns(["n", "t"]).timestamp_columns == ("t", None)
    assert timed.drop_columns("t").timestamp_columns == (None, None)
    with pytest.raises(DatasetTimestampMissingError):
        timed.keep_columns("n").time_recent(datetime.timedelta(days=1))
    with pytest.raises(DatasetExecutionError, match="to_datetime"):
        rows.with_timestamp_columns("s").time_after(datetime.datetime(2020, 1, 1)).to_pandas_dataframe()


def test_columns_out_of_paths(root, table):
    files = {
        f"{year}/{month:02d}/{state}/d.csv": "x\n1\n" for year in (2019, 2020) for month in (1, 2) for state in "ab"
    }
    frame = table(files, top={"partition_format": "{day:yyyy/MM}/{state}/d.csv", "include_path": True})
    assert list(frame.columns) == ["Path", "day", "state", "x"]
    assert str(frame["day"].dtype) == "datetime64[ns]"
    first = frame.iloc[0]
    assert (first["Path"], str(first["day"].date()), first["state"]) == ("/2019/01/a/d.csv", "2019-01-01", "a")
    assert len(frame) == 8


def test_a_column_of_the_file_wins_over_one_of_its_path(table):
    frame = table({"WA/d.csv": "state,x\nreal,1\n"}, top={"partition_format": "{state}/d.csv"})
    assert frame["state"].tolist() == ["real"]


def test_a_path_that_does_not_fit_has_nulls(table):
    frame = table({"WA/d.csv": "x\n1\n", "odd.csv": "x\n2\n"}, top={"partition_format": "{state}/d.csv"})
    assert [value if value == value else None for value in frame["state"].tolist()] == ["WA", None]


def test_a_glob_of_the_reader_chooses_files(root, table):
    from mlsteps.sdk.table_operations import delimited_reader

    reader = {**delimited_reader(), "path_glob": "*.csv"}
    frame = table({"a/x.csv": "x\n1\n", "y.csv": "x\n2\n", "a/notes.txt": "no table\n1\n"}, reader=reader)
    assert sorted(frame["x"].tolist()) == [1, 2]
    deep = table(reader={**reader, "path_glob": "a/*.csv"})
    assert deep["x"].tolist() == [1]


def test_a_query_is_refused_by_name():
    with pytest.raises(NotImplementedError, match="DataTransferStep"):
        read({"type": "tabular", "sql": {"datastore": "d"}, "reader": {"format": "sql"}}, open_store)
