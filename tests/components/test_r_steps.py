"""R scripts as steps, by a real R on the ``PATH``, with packages from a repository of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.steps.r_script import RScriptStep
from mlsteps.sdk.workspace import Workspace
from tests.operators.runs import run

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript on the PATH"),
]

SCRIPT = """
args <- commandArgs(trailingOnly = TRUE)
dir.create(args[2])
writeLines(paste(greeting::greet(args[1]), Sys.getenv("AZUREML_RUN_ID") != ""), file.path(args[2], "said.txt"))
"""


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A repository like CRAN, with one package in it."""
    package = tmp_path / "greeting"
    (package / "R").mkdir(parents=True)
    (package / "DESCRIPTION").write_text("Package: greeting\nVersion: 0.1\nTitle: T\nDescription: D.\nLicense: GPL-3\n")
    (package / "NAMESPACE").write_text("export(greet)\n")
    (package / "R" / "greet.R").write_text('greet <- function(name) paste("hello", name)\n')
    place = tmp_path / "cran" / "src" / "contrib"
    place.mkdir(parents=True)
    subprocess.run(["R", "CMD", "build", str(package)], cwd=place, check=True, capture_output=True)
    index = f'tools::write_PACKAGES("{place}", type = "source")'
    subprocess.run(["Rscript", "--vanilla", "-e", index], check=True, capture_output=True)
    return f"file://{tmp_path}/cran"


def pipeline(folder: Path, name: str, packages: list[str]) -> tuple[Pipeline, PipelineData]:
    (folder / "source").mkdir(exist_ok=True)
    (folder / "source" / "greet.R").write_text(SCRIPT)
    configuration = RunConfiguration(framework="R")
    configuration.environment.python.user_managed_dependencies = True
    said = PipelineData("said")
    step = RScriptStep(
        "greet.R",
        name="greet",
        arguments=[name, said],
        outputs=[said],
        source_directory=str(folder / "source"),
        runconfig=configuration,
        cran_packages=packages,
    )
    return Pipeline(Workspace.from_config(), steps=[step]), said


def test_a_script_with_a_package_runs_and_is_reused(repository, airflow_home, tmp_path, home, monkeypatch) -> None:
    monkeypatch.setenv("MLSTEPS_CRAN", repository)
    dag = pipeline(tmp_path, "reader", ["greeting"])[0].as_dag("r_step")
    first, second = run(dag), run(dag)
    assert (first.states["greet"], second.states["greet"]) == ("success", "skipped")
    record = first.outputs("greet")["said"]
    store = Workspace.from_config().datastores[record["datastore"]]._open()
    assert store.read(f"{record['path']}/said.txt") == b"hello reader TRUE\n"
    (library,) = [name for name in os.listdir(home / "environments" / "r") if not name.endswith(".lock")]
    marker = home / "environments" / "r" / library / "complete"
    before = marker.stat().st_mtime_ns
    assert run(pipeline(tmp_path, "another", ["greeting"])[0].as_dag("r_step")).state == "success"
    assert marker.stat().st_mtime_ns == before  # the library is there already


def test_a_package_that_does_not_exist_is_named(repository, airflow_home, tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.setenv("MLSTEPS_CRAN", repository)
    done = run(pipeline(tmp_path, "reader", ["absent"])[0].as_dag("r_missing"))
    assert done.state == "failed"
    assert "The R packages absent could not be installed" in "".join(capfd.readouterr())
