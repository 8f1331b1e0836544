"""``mlsteps pipelines``: publish, diff, export; and what all commands share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlsteps.cli.main import main
from mlsteps.contracts.graph import PipelineGraph
from tests.cli.shop import Shop, Terminal


def test_a_pipeline_is_found_by_name_id_first_digits_and_endpoint(shop: Shop, terminal: Terminal) -> None:
    for text in ("daily", shop.published["id"], shop.published["id"][:8]):
        shown = terminal.json("pipelines", "show", text)
        assert shown["id"] == shop.published["id"]
        assert [item["step"] for item in shown["step_list"]] == ["prepare", "train"]
        assert shown["parameters"] == [{"name": "text", "type": "string", "default": "hello"}]
    again = terminal.json("pipelines", "publish", shop.published["id"], "--name", "second", "--endpoint", "front")
    assert again["endpoint"]["version"] == "0" and again["graph"] == shop.published["graph"]
    shown = terminal.json("pipelines", "show", "front")
    assert (shown["id"], shown["endpoint_versions"][0]["default"]) == (again["id"], True)
    assert terminal.json("pipelines", "publish", "daily", "--endpoint", "front")["endpoint"]["version"] == "1"
    assert [row["name"] for row in terminal.json("pipelines", "list", "--endpoints")] == ["front"]


def test_diff_names_step_and_field_also_files_of_sources(shop: Shop, terminal: Terminal) -> None:
    assert terminal.json("pipelines", "diff", "daily", "daily") == []
    script = shop.two.sources["train"] / "train.py"
    script.write_text(script.read_text() + "# changed\n")
    other = shop.publish("other", allow_reuse=False)
    found = {(row["step"], row["field"]): row for row in terminal.json("pipelines", "diff", "daily", "other", code=1)}
    assert set(found) == {("train", "source/train.py"), ("prepare", "allow_reuse")}
    assert found["prepare", "allow_reuse"]["after"] is False
    assert terminal.json("pipelines", "diff", other["id"], "other") == []


def test_diff_with_a_dag_file_and_steps_that_are_gone(shop: Shop, terminal: Terminal, tmp_path: Path) -> None:
    document = shop.two.graph().to_json()
    document["steps"] = document["steps"][:1]
    (tmp_path / "g.json").write_text(json.dumps(document))
    file = tmp_path / "made.py"
    file.write_text(
        "import json\nfrom pathlib import Path\nfrom mlsteps.translate import dag\n"
        f"d = dag(json.loads(Path({str(tmp_path / 'g.json')!r}).read_text()), 'd')\n"
    )
    rows = terminal.json("pipelines", "diff", "daily", f"{file}:d", code=1)
    assert {"step": "train", "field": "step", "before": "train", "after": None} in rows
    assert terminal.json("pipelines", "diff", str(tmp_path / "g.json"), f"{file}:d") == []
    terminal("pipelines", "diff", "daily", f"{file}:absent", code=2)


def test_a_graph_that_was_exported_as_json_is_the_same_graph(shop: Shop, terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    terminal("pipelines", "export", "daily", "--file", str(file))
    assert terminal.json("pipelines", "diff", "daily", str(file)) == []
    assert terminal.json("pipelines", "publish", str(file))["graph"] == shop.published["graph"]
    assert json.loads(terminal("pipelines", "export", "daily")) == json.loads(file.read_text())
    assert "root" not in PipelineGraph.from_json(json.loads(file.read_text())).workspace


def sdk_pipeline(shop: Shop) -> Any:
    """prepare -> train, as a script writes it."""
    from mlsteps.sdk.parameter import PipelineParameter
    from mlsteps.sdk.pipeline import Pipeline
    from mlsteps.sdk.pipeline_data import PipelineData
    from mlsteps.sdk.runconfig import RunConfiguration
    from mlsteps.sdk.steps.python_script import PythonScriptStep

    configuration = RunConfiguration()
    configuration.environment.python.user_managed_dependencies = True
    configuration.environment_variables = {"LEVEL": "3"}
    common: dict[str, Any] = {"runconfig": configuration, "compute_target": "cpu"}
    clean = PipelineData("clean")
    text = PipelineParameter("text", "hello")
    sources = {name: str(folder) for name, folder in shop.two.sources.items()}
    prepare = PythonScriptStep(
        "prepare.py", arguments=["n", clean, text], outputs=[clean], source_directory=sources["prepare"], **common
    )
    train = PythonScriptStep(
        "train.py", arguments=["n", clean], inputs=[clean], source_directory=sources["train"], version="2", **common
    )
    from mlsteps.sdk.workspace import Workspace

    workspace = Workspace._from_reference({"name": "tests", "root": shop.root})
    return Pipeline(workspace, [train], description="two steps"), prepare


def test_what_was_exported_as_yaml_is_the_same_pipeline_when_it_is_read(
    shop: Shop, terminal: Terminal, tmp_path: Path
) -> None:
    sdk_pipeline(shop)[0].publish("plain")
    out = tmp_path / "out"
    terminal("pipelines", "export", "plain", "--format", "yaml", "--directory", str(out))
    assert terminal.json("pipelines", "diff", "plain", str(out / "pipeline.yml")) == []
    terminal("pipelines", "export", "plain", "--format", "yaml", "--directory", str(out), code=2)
    assert "not empty" in terminal.said.err


def test_yaml_refuses_what_it_cannot_say(shop: Shop, terminal: Terminal, tmp_path: Path) -> None:
    terminal("pipelines", "export", "daily", "--format", "yaml", "--directory", str(tmp_path / "out"), code=2)
    assert "the output 'clean'" in terminal.said.err and "export it as JSON" in terminal.said.err
    assert not (tmp_path / "out").exists()


def test_reading_a_workspace_that_is_not_there_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--workspace", str(tmp_path / "none")]) == 2
    assert "workspace init" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_store_that_does_not_answer_is_exit_code_3(tmp_path: Path) -> None:
    broken = tmp_path / "w"
    broken.mkdir()
    (broken / "workspace.json").mkdir()
    assert main(["runs", "list", "--workspace", str(broken)]) == 3


def test_init_makes_a_workspace_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    assert main(["workspace", "init", "team", "--root", "data", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["made"] is True and (tmp_path / "data/workspace.json").is_file()
    assert main(["workspace", "init", "team", "--root", "data", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["made"] is False
    assert main(["workspace", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["workspace"] == "team"
    assert main(["workspace", "init", "other", "--root", "data"]) == 2
    assert main(["workspace", "init", "x"]) == 2


def test_wrong_arguments_are_exit_code_2() -> None:
    with pytest.raises(SystemExit) as error:
        main(["runs", "list", "--absent"])
    assert error.value.code == 2


def test_reading_loads_nothing_of_airflow(shop: Shop) -> None:
    program = (
        "import sys; from mlsteps.cli.main import main\n"
        f"code = main(['pipelines', 'show', 'daily', '-w', {shop.root!r}])\n"
        f"main(['runs', 'list', '-w', {shop.root!r}]); main(['workspace', 'show', '-w', {shop.root!r}])\n"
        "assert code == 0\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'pandas', 'docker')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def completed(line: str) -> list[str]:
    """What the shell is told for a line, as argcomplete is asked by one."""
    program = "import sys; from mlsteps.cli.main import main; sys.argv[0] = 'mlsteps'; main([])"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\013",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
    }
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, **asked})
    return [item.strip() for item in done.stdout.split("\013")]


def test_the_shell_completes_commands_and_names_of_the_workspace(shop: Shop) -> None:
    assert completed("mlsteps pipe") == ["pipelines"]
    assert "daily" in completed(f"mlsteps pipelines show --workspace {shop.root} da")
    assert completed("mlsteps pipelines show --workspace /absent/place da") == [""]


def test_completion_is_code_for_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    assert "complete" in capsys.readouterr().out
