"""Tables that are read and written piece by piece: the rows of the whole, in the memory of a piece."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

from mlsteps.errors import DatasetExecutionError
from mlsteps.sdk.table_operations import delimited_reader, json_lines_reader, parquet_reader
from mlsteps.storage.open import open_store
from mlsteps.tables import delimited, readers
from mlsteps.tables.frame import batches, read
from mlsteps.tables.writing import write_partitions, write_parts
from tests.storage.web import serve

ROWS = 5_000
COUNT = {"n": range(ROWS), "half": [None if n % 7 == 0 else n / 2 for n in range(ROWS)]}
TABLE = pandas.DataFrame({**COUNT, "text": [f"row {n}, {'x' * (n % 50)}" for n in range(ROWS)]})


@pytest.fixture
def small_pieces(monkeypatch) -> None:
    monkeypatch.setattr(delimited, "PIECE_BYTES", 8 << 10)
    monkeypatch.setattr(readers, "PIECE_BYTES", 8 << 10)
    monkeypatch.setattr(readers, "PIECE_ROWS", 300)


def definition(kind: str, operations: Any = (), **more: Any) -> dict[str, Any]:
    reader = {"csv": delimited_reader(), "jsonl": json_lines_reader(None, "error", "utf8"), "parquet": parquet_reader()}
    paths = more.pop("paths", [{"datastore": "d", "path": f"*.{kind}"}])
    return {"type": "tabular", "paths": paths, "reader": reader[kind], "operations": list(operations), **more}


def write(folder: Path, kind: str, table: Any = TABLE, name: str = "t") -> Path:
    path = folder / f"{name}.{kind}"
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "parquet":
        table.to_parquet(path, row_group_size=len(table) // 4)
    else:
        table.to_json(path, orient="records", lines=True)
    return path


OPERATIONS = {
    "none": [],
    "filter": [{"op": "filter", "expression": {"op": "gt", "args": [{"column": "half"}, {"value": 1200.5}]}}],
    "sample": [{"op": "take_sample", "probability": 0.3, "seed": 5}, {"op": "skip", "count": 700}],
    "split": [{"op": "split", "low": 0.2, "high": 0.7, "seed": 9}, {"op": "take", "count": 900}],
    "columns": [{"op": "keep_columns", "columns": ["text", "n"]}, {"op": "drop_columns", "columns": ["n", "other"]}],
    "first": [{"op": "skip", "count": 1200}, {"op": "take", "count": 450}],
}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("operations", OPERATIONS.values(), ids=OPERATIONS)
def test_pieces_give_the_rows_of_the_whole(tmp_path, kind: str, operations: Any, monkeypatch) -> None:
    write(tmp_path, kind, TABLE[:2000], "a")
    write(tmp_path, kind, TABLE[2000:], "b")
    what, store = definition(kind, operations), open_store(str(tmp_path))
    whole = read(what, lambda name: store)
    for name, value in (("PIECE_BYTES", 8 << 10), ("PIECE_ROWS", 300)):
        monkeypatch.setattr(readers, name, value)
    monkeypatch.setattr(delimited, "PIECE_BYTES", 8 << 10)
    pieces = list(batches(what, lambda name: store))
    assert len(whole) > 0 and len(pieces) > 1
    pandas.testing.assert_frame_equal(pandas.concat(pieces, ignore_index=True), whole)
    pandas.testing.assert_frame_equal(read(what, lambda name: store), whole)


def test_a_column_may_come_with_a_later_file_but_has_to_come(tmp_path, small_pieces) -> None:
    write(tmp_path, "jsonl", pandas.DataFrame({"a": [1, 2]}), "1")
    write(tmp_path, "jsonl", pandas.DataFrame({"b": [1, 2], "a": [3, 4]}), "2")
    store = open_store(str(tmp_path))
    late = [{"op": "filter", "expression": {"op": "gt", "args": [{"column": "b"}, {"value": 1}]}}]
    assert read(definition("jsonl", late), lambda name: store)["a"].tolist() == [4]
    kept = read(definition("jsonl", [{"op": "keep_columns", "columns": ["b", "a"]}]), lambda name: store)
    assert list(kept.columns) == ["b", "a"] and kept["b"].isna().tolist() == [True, True, False, False]
    dropped = [{"op": "drop_columns", "columns": ["b"]}, *late]
    with pytest.raises(DatasetExecutionError, match=r"A filter names \['b'\]; the columns are \['a'\]"):
        read(definition("jsonl", dropped), lambda name: store)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_the_first_rows_of_a_large_remote_file_need_its_head_only(tmp_path, kind: str) -> None:
    chance = random.Random(1)
    wide = pandas.DataFrame({"n": range(40_000), "text": [chance.randbytes(250).hex() for _ in range(40_000)]})
    size = write(tmp_path, kind, wide, "large").stat().st_size
    assert size > 8 << 20
    with serve(tmp_path) as server:
        what = definition(kind, [{"op": "take", "count": 10}], paths=[{"url": f"{server.url}/large.{kind}"}])
        assert read(what, lambda name: None)["n"].tolist() == list(range(10))
        assert server.sent < (3 << 20 if kind == "parquet" else 1 << 20)  # whole pages of each column
        before = server.sent
        read(definition(kind, paths=what["paths"]), lambda name: None)
        assert server.sent - before < size * 1.5  # all of it once, and not twice


def test_of_a_wide_parquet_file_the_first_pages_are_read_and_all_of_it_once(tmp_path) -> None:
    many = pandas.DataFrame({f"c{n}": range(n, n + 400_000) for n in range(12)})
    many.to_parquet(tmp_path / "wide.parquet", row_group_size=200_000, compression=None)
    size = (tmp_path / "wide.parquet").stat().st_size
    assert size > 24 << 20
    with serve(tmp_path) as server:
        paths = [{"url": f"{server.url}/wide.parquet"}]
        what = definition("parquet", [{"op": "take", "count": 10}], paths=paths)
        assert read(what, lambda name: None)["c11"].tolist() == list(range(11, 21))
        assert server.sent < size / 2  # of each column in the first half of the rows, a dictionary and a page
        before = server.sent
        assert len(read(definition("parquet", paths=paths), lambda name: None)) == 400_000
        assert size <= server.sent - before < size * 1.1


def test_a_web_server_without_ranges_will_do(tmp_path) -> None:
    for kind in ("csv", "parquet"):
        write(tmp_path, kind, TABLE, "t")
        with serve(tmp_path, ranges=False) as server:
            found = read(definition(kind, paths=[{"url": f"{server.url}/t.{kind}"}]), lambda name: None)
        assert found["n"].tolist() == list(range(ROWS))


def test_types_that_change_on_the_way(tmp_path) -> None:
    whole = pandas.DataFrame({"n": [1, 2], "s": ["x", None], "none": [None, None]})
    nulls = pandas.DataFrame({"n": [3.0, None], "s": [None, "y"], "none": [None, None]})
    halves = pandas.DataFrame({"n": [4.5, None], "s": ["z", "z"], "none": ["now", None]})
    assert write_parts([whole, nulls, halves], str(tmp_path), "csv") == ["part_00000.csv"]
    text = (tmp_path / "part_00000.csv").read_text()
    assert text.split() == ["n,s,none", "1,x,", "2,,", "3,,", ",y,", "4.5,z,now", ",z,"]
    parts = write_parts([whole, nulls, halves], str(tmp_path), "parquet")
    assert parts == ["part_00000.parquet", "part_00001.parquet"]
    first, second = (pandas.read_parquet(tmp_path / part) for part in parts)
    assert first["n"].tolist()[:3] == [1, 2, 3] and second["n"].tolist()[:1] == [4.5]
    more = pandas.DataFrame({"n": [5], "s": ["y"], "none": [None], "new": [1]})
    assert write_parts([whole, more], str(tmp_path), "csv") == ["part_00000.csv", "part_00001.csv"]


def test_one_value_is_one_folder_whatever_its_piece(tmp_path) -> None:
    pieces = [pandas.DataFrame({"k": [1, 2], "v": "a"}), pandas.DataFrame({"k": [2.0, None], "v": "b"})]
    assert write_partitions(pieces, ["k"], str(tmp_path)) == [
        "1/part_00000.parquet",
        "2/part_00000.parquet",
        "__null__/part_00000.parquet",
    ]
    assert pandas.read_parquet(tmp_path / "2/part_00000.parquet")["v"].tolist() == ["a", "b"]


def test_more_folders_than_files_can_be_open(tmp_path) -> None:
    pieces = [pandas.DataFrame({"k": range(200), "v": piece}) for piece in range(2)]
    written = write_partitions(pieces, ["k"], str(tmp_path))
    assert len({path.split("/")[0] for path in written}) == 200
    assert sum(len(pandas.read_parquet(tmp_path / path)) for path in written) == 400


CHILD = """
import json, resource, sys
from mlsteps.storage.open import open_store
from mlsteps.tables import delimited
from mlsteps.tables.frame import batches, read
from mlsteps.tables.writing import write_partitions, write_parts
delimited.PIECE_BYTES = 1 << 20
folder, what = sys.argv[1], json.loads(sys.argv[2])
def run(name):
    definition = {**what["definition"], "paths": [{"datastore": "d", "path": name}]}
    store = open_store(folder)
    if what["do"] == "filter":
        read(definition, lambda _: store)
    elif what["do"] == "partition":
        write_partitions(batches(definition, lambda _: store), ["k"], folder + "/" + name + ".out")
    else:
        write_parts(batches(definition, lambda _: store), folder + "/" + name + ".out", what["do"])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([run("small.csv"), run("large.csv")]))
"""


@pytest.mark.parametrize("do", ["csv", "parquet", "partition", "filter"])
def test_memory_does_not_grow_with_the_file(tmp_path, do: str) -> None:
    line = "".join(f"{number},{number % 4},{'abcdefghij' * 8}\n" for number in range(40_000))
    for name, times in (("small.csv", 1), ("large.csv", 12)):
        with open(tmp_path / name, "w") as file:
            file.write("n,k,text\n")
            for _ in range(times):
                file.write(line)
    size = os.path.getsize(tmp_path / "large.csv")
    rare = {"op": "filter", "expression": {"op": "eq", "args": [{"column": "n"}, {"value": 17}]}}
    what = {"do": do, "definition": definition("csv", [rare] if do == "filter" else [])}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), json.dumps(what)], check=True, capture_output=True, text=True
    )
    before, after = json.loads(done.stdout)
    assert after - before < size / 2  # as 1 GB is to 2 GB
