"""What runs inside a step is for Python 3.7 and newer: its grammar always, and itself where there is such a Python."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
from glob import glob
from pathlib import Path

import pytest

import mlsteps
from mlsteps.compute import inside
from tests.runner.support import reads, writes

PACKAGE = Path(mlsteps.__file__).parent
#: Those of docs/architecture.md, and what goes to pods and machines as text.
INSIDE = (
    "errors.py",
    "contracts",
    "schedules",
    "storage",
    "registry",
    "tables",
    "sdk",
    "runner",
    "_azureml",
    "compute/keeper.py",
    "compute/ssh_there.py",
)


def sources(part):
    path = PACKAGE / part
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("part", INSIDE)
def test_its_grammar(part):
    for path in sources(part):
        ast.parse(path.read_text(encoding="utf-8"), filename=str(path), feature_version=inside.OLDEST)


def oldest():
    """A Python of that version; None when there is none."""
    name = "python{}.{}".format(*inside.OLDEST)
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for path in (shutil.which(name), *sorted(glob(f"{root}/versions/{name[6:]}.*/bin/{name}"))):
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    return None


CODE = """
    import os, sys
    from azureml.core import Dataset, Run
    run = Run.get_context()
    run.log('accuracy', 0.9)
    run.tag('python', '{}.{}'.format(*sys.version_info))
    open('outputs/model.txt', 'w').write('model')
    ws = run.experiment.workspace
    Dataset.File.from_files((ws.get_default_datastore(), 'train')).register(ws, 'made')
    open(os.path.join(sys.argv[2], 'copy'), 'w').write(open(os.path.join(sys.argv[1], 'a.csv')).read())
"""


def test_a_step_whose_runner_and_script_have_it(steps, tmp_path):
    python = oldest()
    if python is None:
        pytest.skip("no Python {}.{} is here".format(*inside.OLDEST))
    steps.put("train/a.csv", "1")
    spec = steps.spec(
        CODE, {"input": "data"}, {"output": "out"}, inputs=(reads("train"),), outputs=(writes(),), interpreter=python
    )
    os.makedirs(spec.work_directory)
    told, answer = tmp_path / "told.json", tmp_path / "answer.json"
    told.write_text(json.dumps(spec.to_json()))
    command = [python, "-I", "-c", inside.BOOT, str(PACKAGE.parent), "", str(told), str(answer)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as runner:
        runner.stdin.write(b"{}\n")
        runner.stdin.flush()
        said = runner.stdout.read().decode()
    assert json.loads(answer.read_text())["status"] == "Completed", said
    state = steps.runs.state(spec.run_id)
    assert (state.metrics, state.tags) == ({"accuracy": 0.9}, {"python": "{}.{}".format(*inside.OLDEST)})
    assert (steps.data / "results/out/copy").read_text() == "1"
