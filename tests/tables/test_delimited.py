"""Delimited text: types, headers, encodings, separators."""

from __future__ import annotations

import datetime

import pytest

from mlsteps.errors import DatasetExecutionError, DatasetValidationError
from mlsteps.sdk.dataset_types import DataType, PromoteHeadersBehavior

ALL_TYPES = """i,f,b,d,t,s,empty
1,1.5,true,2020-01-31,2020-01-31T10:11:12.5Z,x,
2,,false,2020-02-01,2020-01-31T10:11:12+02:00,NA,
-3,1e3,,,,,
"""


def kinds(frame):
    return {name: frame[name].dtype.kind for name in frame.columns}


def values(series):
    """Plain values, None for each null, whatever the pandas."""
    return [None if value != value or value is None else value for value in series.tolist()]


def test_types_are_inferred_and_empty_fields_are_null(table):
    frame = table({"a.csv": ALL_TYPES})
    assert {**kinds(frame), "s": "O", "empty": "O"} == {
        "i": "i", "f": "f", "b": "O", "d": "M", "t": "M", "s": "O", "empty": "O"
    }  # fmt: skip
    assert frame["i"].tolist() == [1, 2, -3]
    assert values(frame["f"]) == [1.5, None, 1000.0]
    assert values(frame["b"]) == [True, False, None]
    assert values(frame["s"]) == ["x", "NA", None]
    assert values(frame["empty"]) == [None, None, None]
    assert str(frame["d"].dtype) == str(frame["t"].dtype) == "datetime64[ns]"
    assert [moment.to_pydatetime() for moment in frame["t"][:2]] == [
        datetime.datetime(2020, 1, 31, 10, 11, 12, 500000),
        datetime.datetime(2020, 1, 31, 8, 11, 12),
    ]


def test_whole_columns_have_plain_types(table):
    frame = table({"a.csv": "i,b\n1,true\n2,false\n"})
    assert kinds(frame) == {"i": "i", "b": "b"}


def test_missing_whole_numbers_make_the_column_float(table):
    frame = table({"a.csv": "i,j\n1,1\n,2\nNA,3\n"})
    assert kinds(frame) == {"i": "f", "j": "i"}
    assert values(frame["i"]) == [1.0, None, None]


def test_without_inference_everything_is_text(table):
    frame = table({"a.csv": "i,f\n01,1.5\n2,\n"}, infer_column_types=False)
    assert values(frame["i"]) == ["01", "2"]
    assert values(frame["f"]) == ["1.5", None]


def test_types_that_were_set_win_over_inferred_ones(table):
    types = {
        "id": DataType.to_string(),
        "price": DataType.to_float(decimal_mark=","),
        "day": DataType.to_datetime(["%d.%m.%Y", "%Y/%m/%d"]),
        ("flag", "flag2"): DataType.to_bool(),
        "absent": DataType.to_long(),
    }
    text = "id;price;day;flag;flag2\n007;1.234,5;31.12.2020;1;yes\n008;2;2021/01/02;0;no\n"
    frame = table({"a.csv": text}, separator=";", set_column_types=types)
    assert frame["id"].tolist() == ["007", "008"]
    assert frame["price"].tolist() == [1234.5, 2.0]
    assert [str(day.date()) for day in frame["day"]] == ["2020-12-31", "2021-01-02"]
    assert frame["flag"].tolist() == frame["flag2"].tolist() == [True, False]


def test_a_value_that_does_not_fit_is_null(table):
    text = {"a.csv": "n,d,b\n" + "1,2020-01-01,true\n" * 200 + "oops,never,maybe\n"}
    frame = table(text)
    assert [values(frame[name])[-1] for name in "ndb"] == [None, None, None]
    assert [values(frame[name])[0] is None for name in "ndb"] == [False, False, False]


@pytest.mark.parametrize(("good", "wrong"), [("1", "oops"), ("2020-01-01", "never"), ("true", "maybe")])
def test_such_a_value_is_an_error_that_names_it_when_told_to_fail(table, good, wrong):
    with pytest.raises(DatasetExecutionError, match=f"'c'.*'{wrong}'"):
        table({"a.csv": "c\n" + f"{good}\n" * 200 + f"{wrong}\n"}, wishes={"on_error": "fail"})


def test_a_fraction_after_the_sample_is_kept(table):
    frame = table({"a.csv": "n\n" + "1\n" * 200 + "2.5\n"})
    assert frame["n"].iloc[-1] == 2.5


def test_dates_outside_nanoseconds_are_null_or_an_error(table):
    frame = table({"a.csv": "d\n2020-01-01\n9999-12-31\n"})
    assert values(frame["d"].astype(object).where(frame["d"].notna(), None))[1] is None
    assert str(frame["d"].dtype) == "datetime64[ns]"
    with pytest.raises(DatasetExecutionError):
        table(wishes={"out_of_range_datetime": "fail", "on_error": "fail"})


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1/31/2020 0:00", "12/1/2019 13:05"], "2020-01-31 00:00:00"),
        (["31/1/2020", "1/12/2019"], "2020-01-31 00:00:00"),
        (["2020/1/31 10:00:01", "2019/12/1 00:00:00"], "2020-01-31 10:00:01"),
        (["1/31/2020 1:00 PM", "1/30/2020 2:30 AM"], "2020-01-31 13:00:00"),
        (["1/2/2020", "3/4/2020"], "1/2/2020"),
        (["20200131", "20200201"], "20200131"),
    ],
)
def test_dates_are_recognised_when_there_is_no_doubt(table, texts, expected):
    frame = table({"a.csv": "d\n" + "\n".join(texts) + "\n"})
    assert str(frame["d"].iloc[0]) == expected


def test_empty_fields_may_be_empty_texts(table):
    frame = table({"a.csv": "s,n\nx,1\n,\n"}, empty_as_string=True)
    assert frame["s"].tolist() == ["x", ""]
    assert values(frame["n"]) == [1.0, None]


TWO = {"1.csv": "a,b\n1,2\n", "2.csv": "a,b\n3,4\n"}


@pytest.mark.parametrize(
    ("header", "columns", "rows"),
    [
        (True, ["a", "b"], [[1, 2], [3, 4]]),
        (PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS, ["a", "b"], [[1, 2], [3, 4]]),
        (PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS, ["a", "b"], [[1, 2], [3, 4]]),
        (False, ["Column1", "Column2"], [["a", "b"], ["1", "2"], ["a", "b"], ["3", "4"]]),
        (
            PromoteHeadersBehavior.ONLY_FIRST_FILE_HAS_HEADERS,
            ["a", "b"],
            [["1", "2"], ["a", "b"], ["3", "4"]],
        ),
    ],
)
def test_header_modes(table, header, columns, rows):
    frame = table(TWO, header=header)
    assert list(frame.columns) == columns
    assert frame.values.tolist() == rows


def test_other_headers_are_combined_or_refused(table):
    files = {"1.csv": "a,b\n1,2\n", "2.csv": "b,c,d\n3,4,5\n"}
    frame = table(files, header=PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS)
    assert list(frame.columns) == ["a", "b", "c", "d"]
    assert values(frame["c"]) == [None, 4.0]
    with pytest.raises(DatasetExecutionError, match="COMBINE_ALL_FILES_HEADERS"):
        table()


def test_columns_in_another_order_go_by_name(table):
    frame = table({"1.csv": "a,b\n1,2\n", "2.csv": "b,a\n4,3\n"})
    assert frame.values.tolist() == [[1, 2], [3, 4]]


def test_a_blank_header_is_counted(table):
    assert list(table({"a.csv": ",x,\n0,1,2\n"}).columns) == ["Column1", "x", "Column3"]


def test_quotes_hold_separators_and_line_breaks(table):
    frame = table({"a.csv": 'a,b\n"x,1","two\nlines"\n"say ""hi""",z\n'})
    assert frame["a"].tolist() == ["x,1", 'say "hi"']
    assert frame["b"].tolist() == ["two\nlines", "z"]


@pytest.mark.parametrize("separator", ["\t", ";", "|", "||", "::"])
def test_separators(table, separator):
    frame = table({"a.csv": f"a{separator}b\n1{separator}x\n"}, separator=separator)
    assert frame.values.tolist() == [[1, "x"]]


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("utf8", "utf-8"), ("utf8bom", "utf-8-sig"), ("latin1", "latin-1"), ("iso88591", "latin-1"),
     ("utf16", "utf-16"), ("utf32", "utf-32"), ("windows1252", "cp1252")],
)  # fmt: skip
def test_encodings(table, encoding, codec):
    frame = table({"a.csv": "grüße\nä\n".encode(codec)}, encoding=encoding)
    assert frame["grüße"].tolist() == ["ä"]


def test_a_wrong_encoding_is_named(table):
    with pytest.raises(DatasetExecutionError, match=r"a\.csv.*'utf8'"):
        table({"a.csv": "ä\nü\n".encode("latin-1")})


def test_a_broken_file_is_named(table):
    with pytest.raises(DatasetExecutionError, match=r"a\.csv"):
        table({"a.csv": 'a,b\n"1,2\n'})


def test_empty_files_add_nothing(table):
    frame = table(
        {"1.csv": "", "2.csv": "a\n1\n", "3.csv": "a\n"}, header=PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS
    )
    assert frame.values.tolist() == [[1]]
    assert len(table({"1.csv": "a,b\n", "2.csv": "a,b\n", "3.csv": "a,b\n"})) == 0


def test_no_files_are_an_error(table):
    with pytest.raises((DatasetValidationError, DatasetExecutionError), match="file"):
        table()


def test_take_reads_no_more_files_than_it_needs(table, root):
    table({"1.csv": "a\n1\n2\n", "2.csv": "a\n3\n"})
    # A file that cannot be read is no trouble for rows that come before it, once the sample is full.
    (root / "1.csv").write_text("a\n" + "1\n" * 300)
    (root / "3.csv").write_bytes(b'a\n"\xff\n')
    frame = table(top={"operations": [{"op": "skip", "count": 5}, {"op": "take", "count": 10}]})
    assert len(frame) == 10
    with pytest.raises(DatasetExecutionError, match=r"3\.csv"):
        table()
