"""The pins of curated environments, against the package index of today; one of them is really installed and used."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from packaging.requirements import Requirement

from mlsteps.environments import uv_tool, virtual
from mlsteps.environments.conda_to_pip import plan
from mlsteps.sdk import curated
from mlsteps.sdk.workspace import Workspace
from tests.operators.runs import run
from tests.operators.test_examples import example

USES = """
import pandas, numpy, scipy.stats, matplotlib, joblib, pyarrow
from sklearn.linear_model import LogisticRegression
import sklearn
frame = pandas.DataFrame({"x": numpy.arange(10.0), "day": pandas.date_range("2021-01-31", periods=10, freq="M")})
frame.to_parquet("f.parquet")
back = pandas.read_parquet("f.parquet")
model = LogisticRegression().fit(back[["x"]], back["day"].dt.month > 6)
print(sklearn.__version__, int(model.predict(back[["x"]]).sum()))
"""


@pytest.fixture(autouse=True)
def _index():
    """Needs a package index; ``MLSTEPS_TEST_INDEX=1`` says that there is one (pip's own settings say where)."""
    if not os.environ.get("MLSTEPS_TEST_INDEX"):
        pytest.skip("needs MLSTEPS_TEST_INDEX")


def pins():
    """Every release, for the oldest and the newest Python that has wheels of it."""
    for family in curated.FAMILIES:
        for version, release in family.releases.items():
            having = [minor for minor in curated.PYTHONS if release.serves(minor)]
            for minor in sorted({having[0], having[-1]}):
                yield f"3.{minor}", ".".join(map(str, version)), family.marks[0], release


def resolved(case):
    """What the index says against it, "" for nothing. Pins must come as wheels; what they want may be built."""
    python, version, mark, release = case
    lines = [f"{name}=={pin}" for name, pin in release.pins().items()]
    wheels = [word for name in release.pins() for word in ("--only-binary", name)]
    asked = [
        "--python-version",
        python,
        "--python-platform",
        "x86_64-manylinux_2_28",
        "--no-header",
        "--quiet",
        "--no-python-downloads",
    ]
    answer = uv_tool.run(["pip", "compile", *asked, *wheels, "-"], text="\n".join(lines), timeout=120)
    return "" if answer.code == 0 else f"{mark} {version} with Python {python}: {answer.errors}"


def test_all_pins_can_be_had_today():
    with ThreadPoolExecutor(6) as pool:
        refused = [text for text in pool.map(resolved, pins()) if text]
    assert refused == []


def test_one_is_installed_and_a_script_uses_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    found = curated.resolve("AzureML-sklearn-0.24-ubuntu18.04-py37-cpu")
    notes: list[str] = []
    made = virtual.prepare({"python": {"conda": found.conda}}, notes.append)
    told = subprocess.run([made.path, "-c", USES], cwd=tmp_path, text=True, capture_output=True)
    assert told.returncode == 0, told.stderr
    asked = subprocess.check_output([made.path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
    there = {"python_version": asked.strip()}
    expected = [item for item in map(Requirement, plan(found.conda).requirements) if item.marker.evaluate(there)]
    locked = set(made.lock.splitlines())
    assert {f"{item.name}{item.specifier}" for item in expected} <= locked
    assert told.stdout.split()[0] in str(next(item for item in expected if item.name == "scikit-learn"))
    if asked.strip() != "3.8":  # Python 3.8 is asked for, and was not to be had
        assert any("is used instead" in line for line in notes)


@pytest.mark.airflow
def test_the_example_runs_in_its_curated_environment(tmp_path, monkeypatch, airflow_home):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", str(tmp_path / "workspace"))
    done = run(example("curated_environment"))
    assert done.state == "success", done.states
    record = done.outputs("fit")["scores"]
    store = Workspace.from_config().datastores[record["datastore"]]._open()
    scores = json.loads(store.read(f"{record['path']}/scores.json"))
    assert scores["scikit-learn"] in ("0.24.2", "1.0.2", "1.1.3", "1.3.2", "1.7.2") and scores["score"] > 0.9
