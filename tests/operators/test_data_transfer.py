"""``DataTransferOperator`` and the example that uses it."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from mlsteps.operators import DataTransferOperator
from mlsteps.sdk.workspace import Workspace
from tests.operators.runs import run
from tests.storage.trees import make_tree

pytestmark = pytest.mark.airflow

EXAMPLE = Path(__file__).parent.parent.parent / "dags_examples" / "transfer_files.py"


def dag_of(**options: Any) -> Any:
    from airflow.sdk import DAG

    with DAG("operator_transfer", schedule=None) as dag:
        DataTransferOperator(task_id="copy", **options)
    return dag


def test_the_example_runs(airflow_home: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("transfer_files", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    done = run(module.dag, destination=str(tmp_path / "out"))
    assert done.state == "success", done.states
    value = done.xcoms["copy"]["return_value"]
    assert value["kind"] == "directory" and value["files"] == 3
    (folder,) = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert sorted(path.name for path in folder.rglob("*.py")) == ["compare.py", "prepare.py", "train.py"]
    assert (tmp_path / "out" / "latest.py").read_text() == (folder / "prepare" / "prepare.py").read_text()


def test_a_plan_copies_nothing(airflow_home: Path, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "in", {"a": "1", "b": "22"})
    done = run(dag_of(source=str(source), destination=str(tmp_path / "out"), only_plan=True))
    assert done.xcoms["copy"]["return_value"] == {
        "destination": f"file://{tmp_path}/out",
        "kind": "directory",
        "files": 2,
        "bytes": 3,
    }
    assert not (tmp_path / "out").exists()


def test_a_last_try_that_fails_leaves_no_part_of_a_large_file(airflow_home: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with open(tmp_path / "in" / "big", "wb") as file:
        file.truncate(64 << 20)
    (tmp_path / "out" / "big").mkdir(parents=True)  # no file can take its name
    done = run(dag_of(source=str(tmp_path / "in"), destination=str(tmp_path / "out")))
    assert done.state == "failed"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["big"]


def test_places_of_datastores(airflow_home: Path, tmp_path: Path) -> None:
    ws = Workspace.from_config()
    ws.get_default_datastore()._open().write("in/a.txt", b"A")
    done = run(dag_of(source="azureml://datastores/workspaceblobstore/paths/in", destination=str(tmp_path / "out")))
    assert done.state == "success" and (tmp_path / "out" / "a.txt").read_text() == "A"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"source": "/nowhere/at all", "destination": "/x"}, "does not exist"),
        ({"source": "/x", "destination": "s3://absent_conn@bucket/x"}, "no Airflow connection 'absent_conn'"),
        ({"source": "/x", "destination": "/y", "source_type": "folder"}, "Expected file or directory"),
        ({"source": "azureml://datastores/nope/paths/x", "destination": "/y"}, "Could not find datastore 'nope'"),
    ],
)
def test_what_is_wrong_is_named(airflow_home: Path, options, text, capfd) -> None:
    done = run(dag_of(**options))
    assert done.state == "failed"
    out, err = capfd.readouterr()
    assert text in out + err


STOPPED = """
import sys, threading, time
from mlsteps.operators import DataTransferOperator
import signal
operator = DataTransferOperator(task_id="copy", source=sys.argv[1], destination=sys.argv[2], workers=1)
signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
real = operator._check
def slow():
    time.sleep(0.05)
    real()
operator._check = slow
print("ready", flush=True)
operator.execute({})
"""


def test_stopping_leaves_whole_files_only(airflow_home: Path, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "in", {f"f{n:03d}": "x" * 1000 for n in range(200)})
    target = tmp_path / "out"
    command = [sys.executable, "-c", textwrap.dedent(STOPPED), str(source), str(target)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 60
    while (not target.is_dir() or len(list(target.glob("f*"))) < 5) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=180)
    assert process.returncode != 0 and "The transfer was stopped" in output
    names = [path for path in target.iterdir() if path.is_file()]
    assert 5 <= len(names) < 200 and {path.stat().st_size for path in names} == {1000}
