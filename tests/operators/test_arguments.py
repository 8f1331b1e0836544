"""What a script gets for pipeline parameters and for a step's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.contracts.graph import Parameter, PipelineGraph, StepNode
from mlsteps.registry.pipeline_status import attempts
from mlsteps.registry.run_ids import pipeline_run_id
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate import dag
from tests.operators.pipelines import PYTHON
from tests.operators.runs import run

pytestmark = pytest.mark.usefixtures("airflow_home")

TELL = """
import os, sys
print(sys.argv[1:], os.environ["AML_PARAMETER_rate"])
"""


def test_an_argument_means_the_pipelines_parameter_and_a_variable_the_steps_own(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "tell.py").write_text(TELL)
    common = {"source_directory": str(source), "environment": "here", "parameters": {"rate": 12}}
    arguments = ({"parameter": "rate"}, {"join": ["--rate=", {"parameter": "rate"}]})
    step = StepNode("tell", "tell", script="tell.py", arguments=arguments, **common)
    workspace = {"name": "tests", "root": str(tmp_path / "workspace")}
    graph = PipelineGraph((step,), workspace, (Parameter("rate", "int", 17),), environments={"here": PYTHON})
    done = run(dag(graph, "own_parameters"))
    runs = RunStore(WorkspaceStore(str(tmp_path / "workspace")))
    told = runs.artifacts(attempts(runs, pipeline_run_id("own_parameters", done.run_id))["tell"])
    assert told.read("user_logs/std_log.txt").decode() == "['17', '--rate=17'] 12\n"
