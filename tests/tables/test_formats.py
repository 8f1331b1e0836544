"""Parquet and JSON lines, and what is written."""

from __future__ import annotations

import datetime
import decimal
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

import mlsteps
from mlsteps.errors import DatasetExecutionError, InvalidInput
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.dataset_types import DataType
from mlsteps.sdk.datastore import Datastore
from mlsteps.sdk.workspace import Workspace


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    return Workspace("sub", "group", "tables")


@pytest.fixture
def frame():
    return pandas.DataFrame(
        {
            "n": [1, 2, 3, 4],
            "key": ["x", "y", "x", None],
            "when": [datetime.datetime(2020, 1, day) for day in (1, 2, 3, 4)],
            "f": [0.5, None, 1.5, 2.5],
        }
    )


def same(left, right):
    """Equal values column by column, whatever each pandas calls a null."""
    assert list(left.columns) == list(right.columns)
    for name in left.columns:
        assert len(left) == len(right)
        pairs = [(left[name].iloc[row], right[name].iloc[row]) for row in range(len(left))]
        assert all(a == b or (pandas.isna(a) and pandas.isna(b)) for a, b in pairs), name


def test_parquet_files_are_joined_and_keep_their_types(root, frame):
    frame.to_parquet(root / "1.parquet", index=False)
    frame.to_parquet(root / "2.parquet", index=False)
    data = Dataset.Tabular.from_parquet_files(str(root / "*.parquet"))
    found = data.to_pandas_dataframe()
    same(found, pandas.concat([frame, frame], ignore_index=True))
    assert str(found["when"].dtype) == "datetime64[ns]"
    assert len(data.skip(3).take(2).to_pandas_dataframe()) == 2


def test_an_index_with_a_name_becomes_a_column(root, frame):
    frame.set_index("n").to_parquet(root / "1.parquet")
    assert "n" in Dataset.Tabular.from_parquet_files(str(root)).to_pandas_dataframe().columns


def test_types_can_be_set_for_parquet(root, frame):
    frame.to_parquet(root / "1.parquet", index=False)
    types = {"n": DataType.to_string(), "f": DataType.to_long()}
    data = Dataset.Tabular.from_parquet_files(str(root), set_column_types=types)
    found = data.to_pandas_dataframe()
    assert found["n"].tolist() == ["1", "2", "3", "4"]
    with pytest.raises(DatasetExecutionError, match="'f'"):
        data.to_pandas_dataframe(on_error="fail")


def test_a_file_that_is_no_parquet_is_named(root):
    (root / "x.parquet").write_text("no")
    with pytest.raises(DatasetExecutionError, match=r"x\.parquet"):
        Dataset.Tabular.from_parquet_files(str(root)).to_pandas_dataframe()


def test_json_lines(root):
    (root / "a.jsonl").write_text('{"a": 1, "b": "x"}\n\n{"a": 2, "c": [1, 2]}\n')
    data = Dataset.Tabular.from_json_lines_files(str(root), set_column_types={"a": DataType.to_float()})
    found = data.to_pandas_dataframe()
    assert found["a"].tolist() == [1.0, 2.0]
    assert found["c"].tolist()[1] == [1, 2]
    assert pandas.isna(found["b"].tolist()[1])


def test_invalid_json_lines_are_an_error_or_left_out(root):
    (root / "a.jsonl").write_text('{"a": 1}\n[1]\n{"a": \n{"a": 2}\n')
    with pytest.raises(DatasetExecutionError, match=r"Line 2 of .*a\.jsonl"):
        Dataset.Tabular.from_json_lines_files(str(root)).to_pandas_dataframe()
    dropped = Dataset.Tabular.from_json_lines_files(str(root), invalid_lines="drop")
    assert dropped.to_pandas_dataframe()["a"].tolist() == [1, 2]


def test_a_registered_dataframe_comes_back(workspace, frame):
    store = Datastore.get_default(workspace)
    one = Dataset.Tabular.register_pandas_dataframe(frame, (store, "frames"), "d", show_progress=False)
    two = Dataset.Tabular.register_pandas_dataframe(frame[:1], (store, "frames"), "d", show_progress=False)
    assert (one.version, two.version) == (1, 2)
    same(Dataset.get_by_name(workspace, "d", 1).to_pandas_dataframe(), frame)
    assert len(Dataset.get_by_name(workspace, "d").to_pandas_dataframe()) == 1
    fixed = Dataset.Tabular.register_pandas_dataframe(
        frame, store, "e", show_progress=False, row_group_size=2, make_target_path_unique=False
    )
    assert fixed._definition()["paths"] == [{"datastore": "workspaceblobstore", "path": "*.parquet"}]
    with pytest.raises(InvalidInput, match="DataFrame"):
        Dataset.Tabular.register_pandas_dataframe([1], store, "f")


def test_partitions_come_back_with_their_keys(workspace, frame):
    store = Datastore.get_default(workspace)
    data = Dataset.Tabular.register_pandas_dataframe(frame, (store, "frames"), "d", show_progress=False)
    parts = data.partition_by(["key", "n"], (store, "parts"), name="parts", show_progress=False)
    assert parts.partition_keys == ["key", "n"]
    assert Dataset.get_by_name(workspace, "parts").version == 1
    assert [row["key"] for row in parts.get_partition_key_values(["key"])] == ["__null__", "x", "y"]
    back = parts.to_pandas_dataframe().sort_values("n").reset_index(drop=True)
    same(back[["n", "key", "when", "f"]], frame)
    files = data.partition_by("key", (store, "parts"), partition_as_file_dataset=True, show_progress=False)
    assert len(files.to_path()) == 3 and files.name is None
    with pytest.raises(InvalidInput, match="'town'"):
        data.partition_by("town", (store, "parts"))


def test_keys_that_could_not_name_a_folder_stay_inside(workspace):
    store = Datastore.get_default(workspace)
    frame = pandas.DataFrame({"key": ["../../up", "a/b", "..", ""], "n": [1, 2, 3, 4]})
    data = Dataset.Tabular.register_pandas_dataframe(frame, (store, "frames"), "d", show_progress=False)
    parts = data.partition_by("key", (store, "parts"), show_progress=False)
    assert sorted(parts.to_pandas_dataframe()["key"].tolist()) == sorted(frame["key"])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_become_files_once_for_each_content(workspace, frame, kind):
    store = Datastore.get_default(workspace)
    data = Dataset.Tabular.register_pandas_dataframe(frame, (store, "frames"), "d", show_progress=False).take(2)
    make = {"csv": lambda: data.to_csv_files(separator=";"), "parquet": data.to_parquet_files}[kind]
    first, second = make(), make()
    assert first._definition() == second._definition()
    assert first.to_path() == [f"/part_00000.{kind}"]
    again = {
        "csv": lambda: Dataset.Tabular.from_delimited_files(
            (store, first._definition()["paths"][0]["path"]), separator=";"
        ),
        "parquet": lambda: Dataset.Tabular.from_parquet_files((store, first._definition()["paths"][0]["path"])),
    }[kind]()
    same(again.to_pandas_dataframe(), frame[:2])


def test_without_pandas_the_error_says_how_a_step_gets_it(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    provider = str(Path(mlsteps.__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {provider!r}); sys.modules['pandas'] = None\n"
        "from mlsteps.sdk.dataset import Dataset\n"
        f"data = Dataset.Tabular.from_delimited_files({str(tmp_path / 'a.csv')!r})\n"
        "try:\n    data.to_pandas_dataframe()\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("UserErrorException Reading a TabularDataset needs pandas")
    assert "CondaDependencies.create(pip_packages=['pandas'])" in done.stdout


def test_types_asked_for_hold_for_whatever_the_file_has(root):
    (root / "1.jsonl").write_text('{"mixed": 1, "day": 20200131}\n{"mixed": "a", "day": null}\n{"mixed": [2]}\n')
    data = Dataset.Tabular.from_json_lines_files(
        str(root), set_column_types={"mixed": DataType.to_string(), "day": DataType.to_datetime("%Y%m%d")}
    ).to_pandas_dataframe()
    assert data["mixed"].tolist() == ["1", "a", "[2]"]
    assert data["day"].iloc[0] == pandas.Timestamp(2020, 1, 31) and data["day"].isna().tolist() == [False, True, True]
    (root / "1.jsonl").unlink()
    times = pandas.Series([pandas.Timestamp(2020, 1, 1), None])
    amounts = [decimal.Decimal("1.10"), None]
    made = {"day": [20200131, 20200230], "when": times, "amount": amounts, "kind": pandas.Categorical(["1", None])}
    pandas.DataFrame(made).to_parquet(root / "1.parquet", index=False)
    types = {
        "day": DataType.to_datetime("%Y%m%d"),
        "when": DataType.to_float(),
        "amount": DataType.to_string(),
        "kind": DataType.to_long(),
    }
    data = Dataset.Tabular.from_parquet_files(str(root), set_column_types=types).to_pandas_dataframe()
    assert data["day"].iloc[0] == pandas.Timestamp(2020, 1, 31) and pandas.isna(data["day"].iloc[1])
    assert data["when"].isna().tolist() == data["kind"].isna().tolist() == [False, True]
    assert (data["amount"].iloc[0], data["kind"].iloc[0]) == ("1.10", 1) and pandas.isna(data["amount"].iloc[1])
