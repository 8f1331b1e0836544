"""``mlsteps run``: what a script sees is what it would see under ``python script.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mlsteps


def mlsteps_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlsteps.cli.main", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def script(folder: Path, text: str) -> Path:
    path = folder / "pipelines" / "train.py"
    path.parent.mkdir()
    path.write_text(text)
    return path


LOOK = """
import json, sys
import helper
from azureml.core import Workspace
print(json.dumps([__name__, __file__, sys.argv, sys.path[0], helper.NAME, Workspace.__module__]))
"""


def test_a_script_sees_its_own_arguments_folder_and_azureml(tmp_path) -> None:
    path = script(tmp_path, LOOK)
    (path.parent / "helper.py").write_text("NAME = 'beside the script'")
    done = mlsteps_command("run", "pipelines/train.py", "--epochs", "3", "-h", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "__main__",
        "pipelines/train.py",
        ["pipelines/train.py", "--epochs", "3", "-h"],
        str(path.parent),
        "beside the script",
        "mlsteps.sdk.workspace",
    ]


def test_an_exception_is_shown_from_the_script_on_and_gives_exit_code_1(tmp_path) -> None:
    path = script(tmp_path, "def fail():\n    raise KeyError('nobody')\n\nfail()\n")
    done = mlsteps_command("run", str(path), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert f'File "{path}", line 4, in <module>' in done.stderr.splitlines()[1]
    assert "runpy" not in done.stderr


def test_the_scripts_exit_code_is_the_commands(tmp_path) -> None:
    path = script(tmp_path, "import sys; sys.exit(7)")
    assert mlsteps_command("run", str(path), cwd=tmp_path).returncode == 7


def test_exit_handlers_see_the_scripts_globals(tmp_path) -> None:
    path = script(tmp_path, "import atexit\nword = 'kept'\natexit.register(lambda: print(word))\n")
    assert mlsteps_command("run", str(path), cwd=tmp_path).stdout == "kept\n"


@pytest.mark.parametrize(
    ("name", "message"), [("absent.py", "There is no file 'absent.py'"), ("a.ipynb", "a.ipynb is a notebook")]
)
def test_what_cannot_be_run_is_named(tmp_path, name: str, message: str) -> None:
    done = mlsteps_command("run", name, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version(tmp_path) -> None:
    assert mlsteps_command("--version", cwd=tmp_path).stdout == f"mlsteps {mlsteps.__version__}\n"


def test_no_airflow_is_loaded_to_run_a_script(tmp_path) -> None:
    path = script(tmp_path, "import sys, mlsteps.client.submit\nprint(sorted({m.split('.')[0] for m in sys.modules}))")
    done = mlsteps_command("run", str(path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not {"airflow", "pandas", "docker", "kubernetes"} & set(eval(done.stdout))


def test_urllib_is_as_loaded_as_in_a_notebook(tmp_path) -> None:
    path = script(tmp_path, "import urllib\nprint(urllib.request.quote('a b'), urllib.parse.quote('c d'))")
    done = mlsteps_command("run", str(path), cwd=tmp_path)
    assert done.stdout == "a%20b c%20d\n", done.stderr
