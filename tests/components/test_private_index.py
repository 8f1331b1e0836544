"""A login that a script gives for a package index: the steps of its pipeline have it, and it lies nowhere readable."""

from __future__ import annotations

import pytest

from tests.components.test_credentials import holders_of, run_script
from tests.environments.private_index import index

__all__ = ["index"]
pytestmark = pytest.mark.airflow

PIPELINE = """
import json, sys
import mlsteps.azureml
from azureml.core import Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep

given = json.loads(sys.argv[1])
ws = Workspace.from_config()
config = RunConfiguration()
config.environment = Environment("private")
conda = CondaDependencies.create(pip_packages=[given["package"]])
conda.set_pip_option("--index-url " + given["address"])
config.environment.python.conda_dependencies = conda
step = PythonScriptStep("step.py", source_directory="step", compute_target="local", runconfig=config,
                        arguments=[given["say"]])
run = Experiment(ws, "private").submit(Pipeline(ws, [step]))
print("STATUS", run.wait_for_completion(show_output=True))
"""


def test_a_login_given_by_a_script_is_that_of_its_steps_and_of_later_runs(index, tmp_path, home) -> None:
    (tmp_path / "step").mkdir()
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    (tmp_path / "step" / "step.py").write_text(
        f"import os, sys, {index.package} as p; print(sys.argv[1], p.said); print(sorted(os.environ.values()))"
    )
    settings = {"UV_CACHE_DIR": str(home / "uv"), "PIP_FIND_LINKS": "", "PIP_INDEX_URL": "", "PIP_EXTRA_INDEX_URL": ""}
    given = {"package": index.package, "address": index.address(), "say": "first"}
    output = run_script(tmp_path, home, given, **settings)
    assert "first from the private index" in output and "STATUS Finished" in output
    assert index.token not in output and holders_of(index.token, home) == []
    for made in (home / "environments").glob("*/complete"):
        made.unlink()
    # Another process, whose code has no password: Airflow has the connection.
    again = run_script(tmp_path, home, {**given, "address": f"http://{index.bare()}", "say": "then"}, **settings)
    assert "then from the private index" in again and "STATUS Finished" in again, again
