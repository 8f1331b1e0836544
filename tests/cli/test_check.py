"""``mlsteps check``: names, lines, states, exit codes; the program itself never runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlsteps.cli.main import main


def checked(capsys, *paths: object) -> tuple[int, dict[str, Any]]:
    """The exit code and, by short name, what is said of each."""
    code = main(["check", "--json", *map(str, paths)])
    told = json.loads(capsys.readouterr().out)
    return code, {name["name"]: name for file in told["files"] for name in file["names"]}


def states(found: dict[str, Any]) -> dict[str, str]:
    from mlsteps.compatibility.usage import shortened

    return {shortened(name): item["state"] for name, item in found.items()}


def lines(found: dict[str, Any], short: str) -> list[int]:
    (item,) = [item for name, item in found.items() if name.endswith("." + short)]
    return [place["line"] for place in item["places"] if place["how"] == "use"]


def program(folder: Path, text: str, name: str = "pipeline.py") -> Path:
    (folder / name).write_text(text)
    return folder / name


def notebook(folder: Path, *cells: str) -> Path:
    made = [{"cell_type": "markdown", "source": ["# Title"]}]
    made += [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    (folder / "pipeline.ipynb").write_text(json.dumps({"cells": made, "nbformat": 4}))
    return folder / "pipeline.ipynb"


PIPELINE = """\
from azureml.core import Workspace, Experiment
from azureml.core.runconfig import RunConfiguration
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import PythonScriptStep, AdlaStep
raise SystemExit("this program must not run")
ws = Workspace.from_config()
store = ws.get_default_datastore()
config = RunConfiguration()
config.environment.docker.enabled = True
config.environment.python.conda_dependencies.add_pip_package("pandas")
out = PipelineData("out", datastore=store)
step = PythonScriptStep("train.py", outputs=[out], hash_paths=["a"], runconfig=config)
run = Experiment(ws, "demo").submit(Pipeline(ws, [step]))
for child in run.get_steps():
    print(child.get_output_data("out").download("here"))
"""


def test_a_program_that_can_run(tmp_path, capsys):
    code, found = checked(capsys, program(tmp_path, PIPELINE))
    said = states(found)
    assert code == 0
    assert said["Workspace.from_config"] == "supported" and lines(found, "Workspace.from_config") == [6]
    assert said["DockerSection.enabled"] == "ignored" and lines(found, "DockerSection.enabled") == [9]
    assert said["CondaDependencies.add_pip_package"] == "supported"
    assert said["PythonScriptStep(hash_paths)"] == "ignored"
    assert lines(found, "StepRun.get_output_data") == lines(found, "PortDataReference.download") == [15]
    assert said["AdlaStep"] == "refused" and lines(found, "AdlaStep") == []
    assert {said[name] for name in said if name not in ("AdlaStep",)} == {"supported", "ignored"}


def test_use_of_a_refused_name_is_exit_code_1(tmp_path, capsys):
    text = PIPELINE + "step = AdlaStep('script.usql', compute_target='adla')\n"
    code, found = checked(capsys, program(tmp_path, text))
    assert code == 1 and lines(found, "AdlaStep") == [16]
    assert [name for name in found if found[name]["stops"]] == ["azureml.pipeline.steps.adla_step.AdlaStep"]


@pytest.mark.parametrize(
    ("use", "short"),
    [
        ("from azureml.core import Model\nModel.deploy(ws, 'x', [])", "Model.deploy"),
        ("import azureml.core\nazureml.core.Model.deploy(None, 'x', [])", "Model.deploy"),
        ("import azureml.core as ac\nac.Dataset.from_delimited_files('x')", "Dataset.from_delimited_files"),
        ("from azureml.core import *\nWorkspace.from_config().list_keys()", "Workspace.list_keys"),
        ("from azureml.opendatasets import MNIST\nMNIST.get_tabular_dataset()", "MNIST"),
        ("from azureml.core.webservice import Webservice\nclass Mine(Webservice): pass", "Webservice"),
        ("from azureml.core import NoSuchThing", "NoSuchThing"),
        ("import azureml.no_such_module", "no_such_module"),
        (
            "from azureml.core import Run\ndef workspace():\n    return Run.get_context().experiment.workspace\n"
            "workspace().list_keys()",
            "Workspace.list_keys",
        ),
        (
            "import azureml.core\ndef keys(ws, n):\n    ws.list_keys()",
            "Workspace.list_keys",
        ),
        (
            "from azureml.core import Workspace\nclass A:\n    def __init__(self):\n"
            "        self.ws = Workspace.from_config()\n    def f(self):\n        return self.ws.list_keys()",
            "Workspace.list_keys",
        ),
        ("from azureml.core import Workspace\nfor w in Workspace.list('s').values():\n    w.list_keys()", "list_keys"),
    ],
)
def test_refused_names_are_found_however_they_are_reached(tmp_path, capsys, use, short):
    code, found = checked(capsys, program(tmp_path, use))
    assert code == 1
    assert [name for name in found if found[name]["stops"] and name.endswith("." + short)] != []


def test_runs_are_of_the_class_that_was_submitted(tmp_path, capsys):
    text = (
        "from azureml.core import Experiment, ScriptRunConfig, Workspace\n"
        "from azureml.pipeline.core import Pipeline\n"
        "experiment = Experiment(Workspace.from_config(), 'e')\n"
        "experiment.submit(Pipeline(None, [])).find_step_run('a')[0].get_output('b').get_port_data_reference()\n"
        "experiment.submit(ScriptRunConfig('.')).get_all_logs()\n"
        "experiment.submit(whatever).find_step_run('a')\n"
    )
    code, found = checked(capsys, program(tmp_path, text))
    assert code == 0
    assert lines(found, "PipelineRun.find_step_run") == [4, 6] and lines(found, "Run.get_all_logs") == [5]
    assert lines(found, "StepRunOutput.get_port_data_reference") == [4]


@pytest.mark.parametrize(
    "harmless",
    [
        "from azureml.train.automl import AutoMLConfig",
        "from azureml.core.webservice import AksWebservice\nx = 1\nprint(isinstance(x, AksWebservice))",
        "from azureml.exceptions import WebserviceException\ntry:\n    pass\nexcept WebserviceException:\n    pass",
        "from somewhere import Model\nModel.deploy()",
        "import pandas\npandas.list_keys()",
        "from azureml.core import Workspace\nws = Workspace.from_config()\nws = other()\nws.list_keys()",
    ],
)
def test_what_does_no_harm_is_exit_code_0(tmp_path, capsys, harmless):
    assert checked(capsys, program(tmp_path, harmless))[0] == 0


def test_names_that_nobody_knows_are_told_and_stop_nothing(tmp_path, capsys):
    text = "from azureml.core import Workspace\nWorkspace.from_config(pth='x').compute_target\n"
    code, found = checked(capsys, program(tmp_path, text))
    assert code == 0
    assert states(found)["Workspace.from_config(pth)"] == states(found)["Workspace.compute_target"] == "unknown"


def test_a_notebook_by_cell_and_line_with_its_magics(tmp_path, capsys):
    path = notebook(
        tmp_path,
        "%matplotlib inline\n!pip install x\nfrom azureml.core import Workspace\nws = Workspace.from_config()",
        "%%time\nfiles = !ls\nws.list_keys()\nws?",
        "%%bash\nthis is no python",
        "%%writefile steps/train.py\nfrom azureml.core import Run\nRun.get_context().log('a', 1)",
        "await something()",
    )
    code, found = checked(capsys, path)
    assert code == 1
    (place,) = found["azureml.core.workspace.Workspace.list_keys"]["places"]
    assert (place["cell"], place["line"]) == (3, 3)
    (place,) = found["azureml.core.run.Run.log"]["places"]
    assert (place["cell"], place["line"]) == (5, 3)


def test_a_script_that_a_cell_writes_is_a_program_of_its_own(tmp_path, capsys):
    path = notebook(
        tmp_path,
        "from azureml.core import Workspace\nws = Workspace.from_config()",
        "%%writefile train.py\nws.list_keys()",
    )
    assert main(["check", str(path)]) == 0
    assert "cell 3, which writes train.py\n  uses nothing of the SDK" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("old.py", b"print 'python 2'\n", "old.py, line 1"),
        ("latin.py", "x = 'é'".encode("latin-1"), "latin.py cannot be read"),
        ("broken.ipynb", b"{}", "broken.ipynb is no notebook"),
        ("cell.ipynb", b'{"cells": [{"cell_type": "code", "source": ["x = ("]}]}', "cell 1, line 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_exit_code_2(tmp_path, capsys, name, content, said):
    (tmp_path / name).write_bytes(content)
    good = program(tmp_path, "from azureml.core import Workspace\n")
    assert main(["check", str(tmp_path / name), str(good)]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and "Workspace" in shown.out


def test_a_missing_file_is_exit_code_2(tmp_path, capsys):
    assert main(["check", str(tmp_path / "nothing.py")]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_folders_are_searched_and_hidden_ones_left_out(tmp_path, capsys):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    program(tmp_path / ".ipynb_checkpoints", "from azureml.core import NoSuchThing")
    program(tmp_path, "from azureml.core import Workspace")
    assert checked(capsys, tmp_path)[0] == 0
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty")]) == 2


def test_the_text_says_what_to_use_instead_and_counts(tmp_path, capsys):
    text = "from azureml.train.automl import AutoMLConfig\nfrom azureml.core import Workspace, Webservice\n"
    text += "AutoMLConfig()\n"
    assert main(["check", str(program(tmp_path, text))]) == 1
    told = capsys.readouterr().out
    assert "refused" in told and "line 1 (import), 3" in told and "a PythonScriptStep that calls a library" in told
    assert "3 names of the SDK: 2 refused, 0 accepted, without effect, 1 supported." in told
    assert "1 of the refused ones are only imported, which does no harm." in told


def test_checking_loads_no_airflow(tmp_path):
    import subprocess
    import sys

    path = program(tmp_path, PIPELINE)
    code = f"import sys; from mlsteps.cli.main import main; main(['check', {str(path)!r}]); "
    code += "sys.exit('airflow' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
