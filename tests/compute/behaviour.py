"""What every compute target does alike. A target's tests are a subclass that says what ``place`` is; nothing is mocked.

:mod:`tests.compute.test_local_behaviour` runs it on the worker, :mod:`tests.components` in containers.
"""

from __future__ import annotations

import os
import signal
import textwrap
import threading
import time

import pytest

from mlsteps.registry import datasets
from tests.compute.place import Place, Started, Worker
from tests.runner.support import STORE, reads, writes

COPY = """
    import os, shutil, sys
    print(sorted(os.listdir(sys.argv[1])) if os.path.isdir(sys.argv[1]) else os.path.basename(sys.argv[1]))
    if os.path.isdir(sys.argv[1]):
        for name in os.listdir(sys.argv[1]):
            path = os.path.join(sys.argv[1], name)
            (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, os.path.join(sys.argv[2], name))
    else:
        shutil.copy(sys.argv[1], sys.argv[2])
"""
#: Says so, and stays until it is ended.
STAY = "import time; print('up', flush=True); time.sleep(300)"
#: Seconds within which whoever stays was ended; later it may have ended by itself.
_ENDED = 280.0


class Behaviour:
    """The suite; ``place`` is a fixture of each subclass."""

    # -- inputs and outputs

    @pytest.mark.parametrize("mode", ["mount", "download"])
    def test_a_folder_comes_in_and_goes_out(self, place: Place, mode: str) -> None:
        place.steps.put("train/a.csv", "1")
        place.steps.put("train/deep/b.csv", "2")
        result = place.run(
            COPY, {"input": "data"}, {"output": "out"}, inputs=(reads("train", mode=mode),), outputs=(writes(),)
        )
        assert (result.status, result.error) == ("Completed", {})
        assert place.steps.lines == ["['a.csv', 'deep']"]
        assert [(entry.path, entry.size) for entry in result.outputs["out"].files] == [("a.csv", 1), ("deep/b.csv", 1)]
        assert (place.steps.data / "results/out/deep/b.csv").read_text() == "2"

    def test_one_file_comes_in_under_its_own_name(self, place: Place) -> None:
        place.steps.put("train/a.csv", "1")
        result = place.run(
            COPY, {"input": "data"}, {"output": "out"}, inputs=(reads("train/a.csv"),), outputs=(writes(),)
        )
        assert result.status == "Completed" and place.steps.lines == ["a.csv"]

    def test_a_stamp_in_the_manifest_is_that_of_the_stored_file(self, place: Place) -> None:
        result = place.run(
            "import sys; open(sys.argv[1] + '/b', 'w').write('x' * 5_000_000)", {"output": "out"}, outputs=(writes(),)
        )
        entry = result.outputs["out"].files[0]
        found = (place.steps.data / "results/out/b").stat()
        assert (entry.size, entry.stamp) == (found.st_size, str(found.st_mtime_ns))

    def test_pipeline_data_is_a_folder_that_the_script_makes(self, place: Place) -> None:
        code = "import os, sys; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/m', 'w').write('1')"
        result = place.run(code, {"output": "out"}, outputs=(writes(kind="pipeline_data"),))
        assert result.status == "Completed"
        assert (place.steps.data / "results/out/m").read_text() == "1"

    def test_an_upload_takes_what_its_globs_say_from_a_place_of_the_scripts_choice(self, place: Place) -> None:
        code = "[open('mine/' + name, 'w').close() for name in ('a.csv', 'b.log')]"
        result = place.run(code, outputs=(writes(mode="upload", path_on_compute="mine", globs=("*.csv",)),))
        assert [entry.path for entry in result.outputs["out"].files] == ["a.csv"]

    def test_an_upload_does_not_write_over_what_is_there(self, place: Place) -> None:
        place.steps.put("results/out/a.csv", "old")
        code = "open('mine/a.csv', 'w').write('new')"
        result = place.run(code, outputs=(writes(mode="upload", path_on_compute="mine"),))
        assert (result.status, result.error["category"]) == ("Failed", "output")
        assert (place.steps.data / "results/out/a.csv").read_text() == "old"

    def test_an_input_place_that_may_be_written_into(self, place: Place) -> None:
        place.steps.put("shared/a", "old")
        place.steps.put("shared/kept", "kept")
        code = """
            import sys
            open(sys.argv[1] + '/a', 'w').write('changed')
            open(sys.argv[1] + '/new', 'w').write('new')
        """
        result = place.run(code, {"input": "data"}, inputs=(reads("shared", kind="reference", writable=True),))
        assert result.status == "Completed"
        found = {path.name: path.read_text() for path in (place.steps.data / "shared").iterdir()}
        assert found == {"a": "changed", "kept": "kept", "new": "new"}

    def test_missing_data_is_named(self, place: Place) -> None:
        result = place.run(inputs=(reads("nowhere"),))
        assert (result.status, result.error["category"]) == ("Failed", "input")
        assert "nowhere" in result.error["message"] and STORE in result.error["message"]

    def test_names_and_contents_in_any_script(self, place: Place) -> None:
        place.steps.put("daten/größe äöü/名前.csv", "值")
        code = """
            import os, sys
            folder = os.path.join(sys.argv[1], 'größe äöü')
            text = open(os.path.join(folder, '名前.csv'), encoding='utf-8').read()
            open(os.path.join(sys.argv[2], 'ergebnis ☃.txt'), 'w', encoding='utf-8').write(text + sys.argv[3])
            print('fertig ☃', os.listdir(folder), sys.argv[3])
        """
        result = place.run(
            code,
            {"input": "data"},
            {"output": "out"},
            "ß 'x' \"y\" $HOME",
            inputs=(reads("daten"),),
            outputs=(writes(),),
        )
        assert (result.status, result.error) == ("Completed", {})
        assert place.steps.lines == ["fertig ☃ ['名前.csv'] ß 'x' \"y\" $HOME"]
        assert (place.steps.data / "results/out/ergebnis ☃.txt").read_text(encoding="utf-8") == "值ß 'x' \"y\" $HOME"

    # -- what a script sees

    def test_source_arguments_parameters_and_variables(self, place: Place) -> None:
        snapshot = place.steps.snapshot(train_py="import helper, sys; helper.say()", helper_py=_HELPER)
        result = place.run(
            argv=({"python": ""}, "train.py", {"parameter": "rate"}, "a b"),
            snapshot=snapshot,
            parameters={"rate": 0.5},
            environment_variables={"OWN": "ö"},
        )
        assert (result.status, result.error) == ("Completed", {})
        assert place.steps.lines == ["['0.5', 'a b']", "0.5", "ö", place.steps.last, "['helper.py', 'train.py']"]

    def test_the_run_api(self, place: Place) -> None:
        code = """
            import os
            from azureml.core import Run
            run = Run.get_context()
            run.log('accuracy', 0.9)
            run.log_list('losses', [3, 2, 1])
            run.tag('kind', 'größe')
            run.parent.log('from child', 1)
            os.makedirs('outputs', exist_ok=True)
            open('outputs/model.txt', 'w').write('model')
            open('own.txt', 'w').write('own')
            run.upload_file('own/own.txt', 'own.txt')
            print(run.id, run.experiment.name)
        """
        parent = "11111111-1111-1111-1111-111111111111"
        place.steps.runs.create(parent, experiment="e", type="azureml.PipelineRun", name="p")
        result = place.run(code, pipeline_run_id=parent)
        assert (result.status, result.error) == ("Completed", {})
        state = place.steps.runs.state(place.steps.last)
        assert state.metrics["accuracy"] == 0.9 and state.metrics["losses"] == [3, 2, 1]
        assert state.tags == {"kind": "größe"}
        assert place.steps.runs.state(parent).metrics["from child"] == 1
        assert place.steps.lines == [f"{place.steps.last} e"]
        assert place.steps.artifact("outputs/model.txt") == "model"
        assert place.steps.artifact("own/own.txt") == "own"
        assert place.steps.artifact("user_logs/std_log.txt") == f"{place.steps.last} e\n"

    def test_datasets_of_the_workspace(self, place: Place) -> None:
        from mlsteps.contracts.dataset import file_definition

        place.steps.put("known/a.csv", "1")
        datasets.register(place.steps.ws, "known", file_definition(STORE, "known"))
        code = """
            import os, sys
            from azureml.core import Dataset, Run
            ws = Run.get_context().experiment.workspace
            print(Dataset.get_by_name(ws, 'known').version)
            print(os.listdir(Run.get_context().input_datasets['data']))
            open(sys.argv[1] + '/x', 'w').close()
            Dataset.File.from_files((ws.get_default_datastore(), 'known')).register(ws, 'made here')
        """
        result = place.run(code, {"output": "out"}, inputs=(reads("known"),), outputs=(writes(),))
        assert (result.status, result.error) == ("Completed", {})
        assert place.steps.lines == ["1", "['a.csv']"]
        assert datasets.versions(place.steps.ws, "made here") == [1]

    # -- ends

    def test_a_failure_has_its_exit_code_and_last_words_and_commits_nothing(self, place: Place) -> None:
        code = """
            import sys
            open(sys.argv[1] + '/half', 'w').close()
            print('almost'); sys.stderr.write('went wrong: ü\\n'); sys.exit(3)
        """
        result = place.run(code, {"output": "out"}, outputs=(writes(),))
        assert (result.status, result.exit_code, result.error["category"]) == ("Failed", 3, "user")
        assert "went wrong: ü" in result.error["tail"]
        assert result.outputs == {} and not (place.steps.data / "results").exists()
        assert place.steps.runs.state(place.steps.last).status == "Failed"
        assert place.left() == []

    def test_artifacts_of_a_failed_script_are_kept(self, place: Place) -> None:
        result = place.run("open('outputs/why.txt', 'w').write('so'); raise SystemExit(1)")
        assert result.status == "Failed"
        assert place.steps.artifact("outputs/why.txt") == "so"

    def test_a_script_that_is_killed_says_by_which_signal(self, place: Place) -> None:
        result = place.run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        assert (result.status, result.exit_code) == ("Failed", -9)
        assert "SIGKILL" in result.error["message"]

    def test_a_time_limit(self, place: Place) -> None:
        started = time.monotonic()
        result = place.run(STAY, max_run_duration_seconds=1.0)
        assert result.status == "Failed" and "max_run_duration" in result.error["message"]
        assert time.monotonic() - started < _ENDED

    def test_the_next_attempt_has_places_of_its_own(self, place: Place) -> None:
        code = "import os, sys; print(os.listdir('.'), os.listdir(sys.argv[1])); open('trace', 'w'); sys.exit(%d)"
        outputs = [(writes(path=f"results/try{number}"),) for number in (1, 2)]
        assert place.run(code % 1, {"output": "out"}, outputs=outputs[0]).status == "Failed"
        first = place.steps.lines
        assert place.run(code % 0, {"output": "out"}, outputs=outputs[1]).status == "Completed"
        assert place.steps.lines == first and "trace" not in first[0]

    # -- stopping

    def test_stop_ends_it_all(self, place: Place) -> None:
        started = place.start(_FAMILY)
        started.target.stop()
        result = started.ended()
        assert (result.status, result.error["category"]) == ("Canceled", "user")
        assert place.steps.runs.state(started.spec.run_id).status == "Canceled"
        assert place.left() == []

    def test_a_script_may_clean_up_before_it_ends(self, place: Place) -> None:
        code = """
            import signal, sys, time
            def end(*_):
                print('last words ' + 'x' * 200_000, flush=True)
                sys.exit(0)
            signal.signal(signal.SIGTERM, end)
            print('up', flush=True)
            time.sleep(300)
        """
        started = place.start(code)
        started.target.stop()
        assert started.ended().status == "Canceled"
        assert started.lines[-1].startswith("last words xxx")

    def test_a_script_that_does_not_listen_is_killed(self, place: Place) -> None:
        started = place.start("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STAY)
        began = time.monotonic()
        started.target.stop()
        assert started.ended().status == "Canceled"
        assert time.monotonic() - began < _ENDED
        assert place.left() == []

    def test_stop_from_a_signal_handler_that_interrupts_the_waiting(self, place: Place) -> None:
        target, python = place.prepared()
        spec = place.steps.spec(STAY, interpreter=python)
        before = signal.signal(signal.SIGUSR1, lambda *_: target.stop())
        main = threading.main_thread().ident
        assert main is not None

        def at_first_line(line: str) -> None:
            if line == "up":
                threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGUSR1)).start()

        try:
            assert target.run(spec, {}, on_line=at_first_line).status == "Canceled"
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert place.left() == []

    def test_stop_before_the_start(self, place: Place) -> None:
        target, python = place.prepared()
        target.stop()
        result = target.run(place.steps.spec("print('ran')", interpreter=python), {}, on_line=place.steps.lines.append)
        assert result.status == "Canceled" and "ran" not in place.steps.lines
        target.stop()

    def test_stop_at_any_moment(self, place: Place) -> None:
        """While it is being made, started, handed its credentials: there is an answer, and nothing is left."""
        for delay in (0.0, 0.05, 0.1, 0.2, 0.4):
            target, python = place.prepared()
            timer = threading.Timer(delay, target.stop)
            timer.start()
            began = time.monotonic()
            assert target.run(place.steps.spec(STAY, interpreter=python), {}, on_line=print).status == "Canceled"
            timer.join()
            assert time.monotonic() - began < _ENDED
        assert place.left() == []

    def test_an_error_of_whoever_listens_ends_the_step(self, place: Place) -> None:
        target, python = place.prepared()

        def deaf(line: str) -> None:
            raise RuntimeError("the log is full")

        with pytest.raises(RuntimeError, match="the log is full"):
            target.run(place.steps.spec(STAY, interpreter=python), {}, on_line=deaf)
        assert place.left() == []

    # -- kills

    def test_a_runner_that_is_killed_is_an_answer(self, place: Place) -> None:
        started = place.start(STAY)
        place.kill_runner(started)
        result = started.ended()
        assert (result.status, result.error["category"]) == ("Failed", "infrastructure")
        assert "up" in result.error["tail"]
        assert place.left() == []

    def test_the_worker_is_killed_while_the_script_runs(self, place: Place) -> None:
        """Where a step outlives its worker the next try collects it; elsewhere it ended with the worker, and runs anew.

        The script notes each of its executions as a metric of its run.
        """
        specs = [place.steps.spec(_NOTES, {"output": "out"}, outputs=(writes(path=f"results/{n}"),)) for n in (1, 2)]
        first = Worker(place, specs[0], "task")
        first.said("up")
        first.kill()
        spec, result = Worker(place, specs[1], "task").ended()
        assert (result.status, result.error) == ("Completed", {})
        expected = specs[0] if place.outlives_worker else specs[1]
        assert spec.run_id == expected.run_id
        assert (place.steps.data / expected.outputs[0].path / "done").read_text() == expected.run_id
        executions = [item.run_id for item in specs if "executed" in place.steps.runs.state(item.run_id).metrics]
        assert executions == [item.run_id for item in (specs[:1] if place.outlives_worker else specs)]
        if place.outlives_worker:
            assert place.left() == []  # a work directory on the worker is swept when it is old enough

    # -- output

    def test_large_logs_come_whole_and_in_order(self, place: Place) -> None:
        result = place.run("for number in range(100_000): print('line', number, 'ü')")
        assert result.status == "Completed"
        assert place.steps.lines == [f"line {number} ü" for number in range(100_000)]

    def test_lines_come_while_the_script_runs(self, place: Place) -> None:
        target, python = place.prepared()
        seen: list[tuple[str, float]] = []
        code = "import time; print('a'); time.sleep(3); print(time.time())"
        target.run(
            place.steps.spec(code, interpreter=python), {}, on_line=lambda line: seen.append((line, time.time()))
        )
        (first, came), (second, _) = seen
        assert first == "a" and came < float(second)

    def test_bytes_that_are_no_text_and_progress_bars(self, place: Place) -> None:
        code = r"import os; os.write(1, b'bad \xff byte\n10%\r50%\r100%\nno end')"
        assert place.run(code).status == "Completed"
        assert place.steps.lines == ["bad \ufffd byte", "100%", "no end"]

    # -- safety

    def test_credentials_leave_no_trace(self, place: Place) -> None:
        target, python = place.prepared()
        secret = "t0psecret-" + "k3y"
        code = "import time, os; print('up', flush=True); print(sorted(os.environ.values())); time.sleep(300)"
        spec = place.steps.spec(code, interpreter=python)
        started = Started(target, spec, {"datastores": {"x": {"account_key": secret}}})
        try:
            seen = place.visible(started)
            assert spec.run_id.encode() in seen and secret.encode() not in seen
        finally:
            target.stop()
        started.ended()
        assert secret not in "\n".join(started.lines)
        for path in place.steps.folder.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes()

    def test_files_belong_to_the_workers_user(self, place: Place) -> None:
        place.run("import sys; open(sys.argv[1] + '/a', 'w')", {"output": "out"}, outputs=(writes(),))
        found = [path for path in place.steps.folder.rglob("*")]
        assert {path.lstat().st_uid for path in found} == {os.getuid()}

    def test_steps_run_side_by_side_and_leave_nothing(self, place: Place) -> None:
        place.run()
        before = len(os.listdir("/proc/self/fd"))
        started = [place.start("import time; print('up', flush=True); time.sleep(1)") for _ in range(3)]
        assert [item.ended().status for item in started] == ["Completed"] * 3
        assert place.left() == []
        assert len(os.listdir("/proc/self/fd")) <= before + 1


#: Takes a moment, in which whoever waits for it can be killed.
_NOTES = """
    import sys, time
    from azureml.core import Run
    Run.get_context().log('executed', 1)
    print('up', flush=True)
    time.sleep(2)
    open(sys.argv[1] + '/done', 'w').write(Run.get_context().id)
"""
_HELPER = """
    import os, sys
    def say():
        print(sys.argv[1:])
        print(os.environ['AML_PARAMETER_rate'])
        print(os.environ['OWN'])
        print(os.environ['AZUREML_RUN_ID'])
        print(sorted(name for name in os.listdir('.') if name.endswith('.py')))
"""
#: A script with a child that left its process group.
_FAMILY = textwrap.dedent("""
    import subprocess, sys, time
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    print("up", flush=True)
    time.sleep(300)
""")
