"""The script's process: how it ends, what it says, what it sees."""

from __future__ import annotations

import json
import os
import sys

import pytest


def test_a_good_end(steps):
    result = steps.run("print('one'); print('two')")
    assert (result.status, result.exit_code, result.error) == ("Completed", 0, {})
    assert steps.lines == ["one", "two"]
    assert set(result.timings) == {"stage", "run", "commit"}


def test_the_runs_status_follows(steps):
    steps.run("pass")
    statuses = [event["status"] for event in steps.runs.events(steps.last) if event["kind"] == "status"]
    assert statuses == ["Preparing", "Running", "Finalizing"]


def test_a_failure_has_the_exit_code_and_the_last_lines(steps):
    result = steps.run("for i in range(100): print('line', i)\nraise KeyError('the cause')")
    assert (result.status, result.exit_code, result.error["category"]) == ("Failed", 1, "user")
    assert "exit code 1" in result.error["message"]
    assert result.error["tail"].splitlines()[-1] == "KeyError: 'the cause'"
    assert "line 99" in result.error["tail"]
    assert "line 9\n" not in result.error["tail"]
    assert steps.runs.state(steps.last).status == "Failed"


def test_sys_exit_zero_is_success(steps):
    assert steps.run("import sys; sys.exit(0)").status == "Completed"


def test_a_script_ended_by_a_signal_says_which(steps):
    result = steps.run("import os; os.kill(os.getpid(), 9)")
    assert result.exit_code == -9
    assert "SIGKILL" in result.error["message"]


def test_stdout_and_stderr_come_in_order_and_live(steps, tmp_path):
    """The script says no more before its first lines have come."""
    seen = []
    code = """
        import os, sys, time
        print("first"); print("second", file=sys.stderr)
        end = time.monotonic() + 120
        while not os.path.exists(sys.argv[1]):
            assert time.monotonic() < end
            time.sleep(0.01)
        print("third")
    """
    from mlsteps.compute.local import LocalTarget

    def on_line(line):
        seen.append(line)
        if line == "second":
            (tmp_path / "seen").touch()

    LocalTarget().run(steps.spec(code, str(tmp_path / "seen")), {}, on_line=on_line)
    assert seen == ["first", "second", "third"]


def test_any_text_comes_through(steps):
    steps.run("print('größe 漢字 🙂'); import sys; sys.stdout.buffer.write(b'\\xff\\xfe broken\\nno end')")
    assert steps.lines == ["größe 漢字 🙂", "\ufffd\ufffd broken", "no end"]
    log = steps.runs.artifacts(steps.last).read("user_logs/std_log.txt")
    assert log == "größe 漢字 🙂\n".encode() + b"\xff\xfe broken\nno end"


def test_text_comes_through_under_a_bare_locale(steps, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    steps.run("print('größe 漢字')")
    assert steps.lines == ["größe 漢字"]


def test_the_log_is_kept(steps):
    steps.run("print('kept'); raise SystemExit(3)")
    assert steps.artifact("user_logs/std_log.txt") == "kept\n"


def test_five_megabytes_of_output_come_through(steps):
    result = steps.run(
        "for i in range(50_000): print('x' * 99)\nprint('end')", environment_variables={"PYTHONUNBUFFERED": ""}
    )
    assert result.status == "Completed"
    assert (len(steps.lines), steps.lines[-1]) == (50_001, "end")


def test_a_line_without_end_is_cut_and_nothing_is_lost(steps):
    steps.run("print('x' * 3_000_000)")
    assert sum(map(len, steps.lines)) == 3_000_000
    assert len(steps.lines) <= 4


def test_a_progress_bar_shows_its_last_state(steps):
    steps.run("print('\\r'.join(['10%', '50%', '100%']))")
    assert steps.lines == ["100%"]


def test_a_script_that_closes_its_output_goes_on(steps):
    result = steps.run("import os, time; os.close(1); os.close(2); time.sleep(0.4); os._exit(7)")
    assert result.exit_code == 7


def test_a_script_with_a_time_limit_is_ended(steps):
    for limit in (0.5, 4.0, 32.0):  # on a busy machine it may be ended before it has said anything
        code = "import time; print('up', flush=True); time.sleep(600)"
        result = steps.run(code, max_run_duration_seconds=limit)
        assert (result.status, result.error["category"]) == ("Failed", "user")
        assert f"max_run_duration ({limit:g} s)" in result.error["message"]
        if steps.lines:
            break
    assert result.error["tail"] == "up"


def test_an_interpreter_that_does_not_exist(steps):
    result = steps.run(interpreter="/nowhere/python")
    assert (result.status, result.exit_code, result.error["category"]) == ("Failed", None, "environment")
    assert "/nowhere/python" in result.error["message"]


def test_nothing_can_be_read_from_standard_input(steps):
    steps.run("import sys; print(repr(sys.stdin.read()))")
    assert steps.lines == ["''"]


def test_arguments_are_resolved(steps):
    code = "import sys, json; print(json.dumps(sys.argv[1:]))"
    arguments = ("--n", 3, 0.1, True, "", "a b", {"parameter": "p"}, {"join": ["--x=", {"parameter": "p"}, "!"]})
    steps.run(code, *arguments, parameters={"p": "v w"})
    assert json.loads(steps.lines[0]) == ["--n", "3", "0.1", "True", "", "a b", "v w", "--x=v w!"]


def test_an_argument_that_refers_to_nothing(steps):
    result = steps.run("pass", {"input": "nobody"})
    assert (result.status, result.error["category"]) == ("Failed", "user")
    assert "nobody" in result.error["message"]


def test_a_command_finds_the_steps_python_first(steps, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    steps.run(argv=("/bin/sh", "-c", "command -v python"), interpreter=str(tmp_path / "bin" / "python"))
    assert steps.lines == [str(tmp_path / "bin" / "python")]


@pytest.fixture
def seen(steps, monkeypatch):
    """The variables of a script."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgres://u:secret@h/db")
    monkeypatch.setenv("PYTHONPATH", "/of/the/worker")
    monkeypatch.setenv("PYTHONHOME", "/of/the/worker")
    monkeypatch.setenv("OF_THE_WORKER", "yes")
    steps.run(
        "import os, json; print(json.dumps(dict(os.environ)))",
        parameters={"rate": 0.5},
        environment_variables={"MINE": "1", "PYTHONPATH": "/mine"},
    )
    return json.loads(steps.lines[-1])


def test_the_variables_of_the_run(seen, steps):
    assert seen["AZUREML_RUN_ID"] == steps.last
    assert seen["AZUREML_ARM_SUBSCRIPTION"] == "sub"
    assert seen["AZUREML_ARM_RESOURCEGROUP"] == "group"
    assert seen["AZUREML_ARM_WORKSPACE_NAME"] == "w"
    assert seen["AZUREML_ARM_PROJECT_NAME"] == "e"
    assert seen["AML_PARAMETER_rate"] == "0.5"
    assert seen["MINE"] == "1"
    assert seen["OF_THE_WORKER"] == "yes"


def test_what_is_airflows_own_stays_away(seen):
    assert "secret" not in json.dumps(seen)


def test_python_path_begins_with_the_runtime_folder(seen):
    first, second, third, last = seen["PYTHONPATH"].split(os.pathsep)
    assert (second, third) == ("/mine", "/of/the/worker")  # the step's interpreter is the worker's own here
    assert last == seen["PWD"]
    assert os.path.samefile(os.path.join(first, "mlsteps"), os.path.dirname(sys.modules["mlsteps"].__file__))
    assert set(os.listdir(first)) <= {"mlsteps", "azureml", "azureml_user"}
    assert "PYTHONHOME" not in seen


def test_the_run_file(steps):
    steps.run("import os; print(open(os.environ['MLSTEPS_RUN']).read())", parameters={"p": [1, "ä"]})
    document = json.loads(steps.lines[0])
    assert document["run_id"] == steps.last
    assert document["pipeline_run_id"] == "pipeline-run"
    assert document["experiment"] == "e"
    assert document["step_name"] == "s"
    assert document["workspace"]["root"] == steps.ws.root
    assert document["parameters"] == {"p": [1, "ä"]}


def test_mlsteps_can_be_imported_by_the_steps_interpreter(steps, tmp_path):
    from mlsteps.environments.virtual import prepare

    bare = prepare(None, lambda line: None).path
    result = steps.run("import mlsteps, sys; print(sys.prefix)", interpreter=bare)
    assert result.status == "Completed"
    assert steps.lines == [os.path.dirname(os.path.dirname(bare))]


def test_the_workers_python_path_stays_away_from_another_interpreter(steps, monkeypatch):
    from mlsteps.environments.virtual import prepare

    monkeypatch.setenv("PYTHONPATH", "/of/the/worker")
    bare = prepare(None, lambda line: None).path
    steps.run("import os; print(os.environ['PYTHONPATH'], os.environ['VIRTUAL_ENV'])", interpreter=bare)
    assert "/of/the/worker" not in steps.lines[0]
    assert steps.lines[0].endswith(" " + os.path.dirname(os.path.dirname(bare)))


def test_work_directories_go_and_stay_when_asked_to(steps, monkeypatch):
    steps.run("pass")
    work = os.path.join(os.environ["MLSTEPS_HOME"], "work")
    assert os.listdir(work) == []
    monkeypatch.setenv("MLSTEPS_KEEP_WORK", "1")
    steps.run("pass")
    assert "code" in os.listdir(os.path.join(work, steps.last))
