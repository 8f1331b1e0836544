"""What only containers have: images, limits, mounts, and what a killed worker leaves on the engine."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from pathlib import Path

import pytest

from mlsteps.compute import docker_left
from mlsteps.compute.docker import DockerTarget
from mlsteps.compute.docker_engine import EngineError
from mlsteps.compute.placement import DockerOptions
from mlsteps.compute.vm_sizes import Resources
from mlsteps.errors import UserErrorException
from mlsteps.storage.open import open_datastore
from tests.components.docker_place import DockerPlace, base_image, client
from tests.compute.behaviour import STAY
from tests.compute.place import ENVIRONMENT, Started, Worker
from tests.runner.conftest import steps
from tests.runner.support import reads, writes

__all__ = ["steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


@pytest.fixture
def place(steps):
    made = DockerPlace(steps)
    yield made
    made.close()


@pytest.fixture
def derived():
    """Makes images of the base image by lines of a Dockerfile; they go afterwards."""
    engine, made = client(), []

    def make(*lines):
        text = "\n".join([f"FROM {base_image()}", *lines]).encode()
        tag = f"mlsteps-test-{len(made)}-{os.getpid()}:1"
        for event in engine.build(fileobj=io.BytesIO(text), tag=tag, rm=True, decode=True):
            assert "error" not in event, event
        made.append(tag)
        return tag

    yield make
    for tag in made:
        engine.remove_image(tag, force=True)
    engine.close()


@pytest.fixture
def bare():
    """An image with nothing in it but a file."""
    engine = client()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    tag = f"mlsteps-test-bare-{os.getpid()}"
    engine.import_image_from_data(data.getvalue(), repository=tag, tag="1")
    yield f"{tag}:1"
    engine.remove_image(f"{tag}:1", force=True)
    engine.close()


def python(name):
    return {"python": {"user_managed_dependencies": True, "interpreter_path": name}}


# -- images


def test_an_image_without_python_is_told_so(bare):
    with pytest.raises(UserErrorException, match=f"{bare} has no 'python'.*Python 3.7 or newer"):
        DockerTarget(DockerOptions(image=bare)).prepare(ENVIRONMENT, print)


def test_an_old_python_is_told_so(derived):
    said = r"""#!/bin/sh\necho "[\\"/old/python\\", [3, 6, 9], \\"x86_64\\", \\"glibc\\"]"\n"""
    image = derived(f"RUN printf '{said}' >/bin/oldpython && chmod 755 /bin/oldpython")
    with pytest.raises(UserErrorException, match="Python 3.6.9.*Expected Python 3.7 or newer"):
        DockerTarget(DockerOptions(base_image=image)).prepare(python("/bin/oldpython"), print)


def test_an_interpreter_that_is_not_in_the_image_is_named():
    with pytest.raises(UserErrorException, match="has no '/opt/conda/bin/python'"):
        DockerTarget(DockerOptions(base_image=base_image())).prepare(python("/opt/conda/bin/python"), print)


def test_the_interpreter_of_the_environment_runs_the_script(steps, derived):
    image = derived("RUN cp -s $(command -v python3) /bin/my-python")
    place = DockerPlace(steps, image=None, base_image=image)
    try:
        place.environment = python("/bin/my-python")
        assert place.run("import sys; print(sys.executable)").status == "Completed"
        assert place.steps.lines == ["/bin/my-python"]
    finally:
        place.close()


def test_what_an_image_says_of_itself_holds_for_scripts(steps, derived):
    """Its variables; its working directory and its own command have no say."""
    image = derived("ENV FROM_IMAGE=yes", "WORKDIR /nowhere", 'ENTRYPOINT ["/bin/false"]', "USER 1000")
    place = DockerPlace(steps, image=image)
    try:
        assert place.run("import os; print(os.environ['FROM_IMAGE'], os.getuid())").status == "Completed"
        assert place.steps.lines == [f"yes {os.getuid()}"]
    finally:
        place.close()


def test_an_image_nobody_has_is_an_error_that_names_it():
    said: list[str] = []
    target = DockerTarget(DockerOptions(image="127.0.0.1:9/no-such-image:1"))
    with pytest.raises((UserErrorException, EngineError), match="127.0.0.1:9/no-such-image:1"):
        target.prepare(ENVIRONMENT, said.append)
    assert said == ["pulling image 127.0.0.1:9/no-such-image:1"]
    with pytest.raises(UserErrorException, match="pull is 'never'"):
        DockerTarget(DockerOptions(image="no-such-image:1", pull="never")).prepare(ENVIRONMENT, said.append)


def test_an_engine_that_does_not_answer_is_named(tmp_path):
    target = DockerTarget(DockerOptions(docker_url=f"unix://{tmp_path}/none.sock", image="x"))
    with pytest.raises(EngineError, match=r"none\.sock"):
        target.prepare(ENVIRONMENT, print)


# -- limits


def test_limits_and_names_on_the_container(steps):
    options = {"cpus": 0.5, "memory": "300m", "shm_size": "80m", "network": "none", "extra_hosts": {"a": "10.0.0.1"}}
    place = DockerPlace(steps, **options)
    try:
        started = place.start(STAY, environment_variables={"TOKEN": "not to be seen"})
        found = place.client.inspect_container(place.containers()[0]["Id"])
        started.target.stop()
        started.ended()
        config = found["HostConfig"]
        assert (config["NanoCpus"], config["Memory"], config["ShmSize"]) == (500_000_000, 300 << 20, 80 << 20)
        assert config["NetworkMode"] == "none" and config["ExtraHosts"] == ["a:10.0.0.1"]
        assert "no-new-privileges" in config["SecurityOpt"]
        assert found["Name"].startswith(f"/mlsteps-s-{started.spec.run_id}")
        assert found["Config"]["Labels"]["mlsteps.run_id"] == started.spec.run_id
        assert "not to be seen" not in str(found)
    finally:
        place.close()


def test_more_memory_than_there_may_be_is_said(steps):
    place = DockerPlace(steps, memory="64m")
    try:
        result = place.run("x = bytearray(500 << 20); print(len(x))")
        assert result.status == "Failed"
        assert "memory" in result.error["message"]
    finally:
        place.close()


def test_more_than_the_machine_has_is_refused_with_its_reason(steps):
    place = DockerPlace(steps, cpus=4096)
    try:
        result = place.run()
        assert result.status == "Failed" and "CPUs" in result.error["message"]
    finally:
        place.close()


def test_a_gpu_that_is_not_there_is_said(steps):
    place = DockerPlace(steps, gpus=1)
    try:
        result = place.run()
        if result.status != "Completed":  # this machine may have one
            assert result.error["category"] == "environment" and "gpu" in result.error["message"]
        assert place.left() == []
    finally:
        place.close()


def test_the_vm_size_counts_when_it_is_asked_to(steps):
    place = DockerPlace(steps)
    options = DockerOptions(image=base_image(), limits="vm_size", labels={"test": place.mark})
    target = DockerTarget(options, size=Resources(4096, 0.5))
    spec = steps.spec(STAY, interpreter=target.prepare(ENVIRONMENT, print))
    try:
        started = Started(target, spec)
        config = place.client.inspect_container(place.containers()[0]["Id"])["HostConfig"]
        assert config["Memory"] == 512 << 20
        assert config["NanoCpus"] == place.client.info()["NCPU"] * 10**9  # no more than the machine has
        target.stop()
        started.ended()
    finally:
        place.close()


def test_what_a_run_configuration_asks_of_docker(steps):
    place = DockerPlace(steps)
    docker = {"shm_size": "70m", "arguments": ["--cpus=1", "-m", "200m", "--env", "A=1", "--privileged"]}
    target = DockerTarget(DockerOptions(image=base_image(), labels={"test": place.mark}), docker=docker)
    said: list[str] = []
    spec = steps.spec("import os; print(os.environ['A'])", interpreter=target.prepare(ENVIRONMENT, print))
    try:
        assert target.run(spec, {}, on_line=said.append).status == "Completed"
        assert said == ["docker argument --privileged is not known here and left out", "1"]
    finally:
        place.close()


# -- files


def test_a_datastore_that_is_only_read_is_mounted_so(place, tmp_path):
    (tmp_path / "far" / "in").mkdir(parents=True)
    (tmp_path / "far" / "in" / "a").write_text("1")
    document = {"name": "far", "type": "Url", "url": str(tmp_path / "far")}
    definition = {"type": "file", "paths": [{"datastore": "far", "path": "in"}]}
    code = """
        import os, sys
        print(open(sys.argv[1] + '/a').read())
        try:
            open(os.path.realpath(sys.argv[1] + '/a'), 'w')
        except OSError as error:
            print(error.strerror)
    """
    stores = {**place.steps.spec().datastores, "far": document}
    result = place.run(
        code, {"input": "data"}, inputs=(reads("", definition=definition),), datastores=stores, outputs=(writes(),)
    )
    assert (result.status, result.error) == ("Completed", {})
    assert place.steps.lines == ["1", "Read-only file system"]
    assert open_datastore(document).read("in/a") == b"1"


def test_more_folders_of_the_engines_machine(steps, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "a").write_text("1")
    place = DockerPlace(steps, mounts=[f"{tmp_path}/shared:/shared:ro"])
    try:
        assert place.run("print(open('/shared/a').read())").status == "Completed"
        assert place.steps.lines == ["1"]
    finally:
        place.close()


def test_the_package_cannot_be_changed_from_inside(place):
    code = "import mlsteps; open(mlsteps.__file__, 'a')"
    result = place.run(code)
    assert result.status == "Failed" and "Read-only file system" in result.error["tail"]


def test_byte_code_is_made_once_for_an_image_and_used(steps, tmp_path):
    """What it holds is what the runner loads: the time of a module's compilation is not that of this run."""
    place = DockerPlace(steps)
    cache = Path(os.environ["MLSTEPS_HOME"], "cache", "bytecode")
    cache.unlink()  # one of this test's own
    try:
        assert place.run().status == "Completed"
        made = {path: path.stat().st_mtime_ns for path in cache.rglob("*.pyc")}
        assert any("mlsteps/runner/attempt." in str(path) for path in made)
        assert any(path.name.startswith("dataclasses.") for path in made)
        started = place.start("import sys, time; print(sys.pycache_prefix, flush=True); time.sleep(300)")
        config = place.client.inspect_container(place.containers()[0]["Id"])
        started.target.stop()
        started.ended()
        assert started.lines == ["None"]  # the script's own byte code lies where it always does
        mount = next(item for item in config["Mounts"] if item["Destination"] == "/mlsteps/bytecode")
        assert not mount["RW"] and "pycache_prefix=/mlsteps/bytecode" in config["Config"]["Entrypoint"]
        assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.pyc")} == made
        assert len(list(cache.iterdir())) == 1
    finally:
        place.close()


def test_a_step_writes_into_its_own_folders_alone(place):
    code = """
        import os
        for name in ('', 'runtime', 'home', 'work', 'answer'):
            try:
                open(os.path.join('/mlsteps', name, 'own'), 'w').close()
                print(name, 'written')
            except OSError as error:
                print(name, error.strerror)
        open('/mlsteps/spec.json', 'a')
    """
    result = place.run(code)
    refused = "Read-only file system"
    assert place.steps.lines[:5] == [
        f" {refused}", f"runtime {refused}", "home written", "work written", "answer written"
    ]  # fmt: skip
    assert result.status == "Failed" and refused in result.error["tail"]
    assert place.left() == []


def test_folders_of_containers_that_are_gone_are_swept_when_they_are_old(place):
    started = place.start(STAY)
    kept = next(Path(os.environ["MLSTEPS_HOME"], "containers").glob("*/*"))
    old, young = kept.with_name("mlsteps-old"), kept.with_name("mlsteps-young")
    for path in (old, young):
        path.mkdir()
    for path in (old, kept):
        os.utime(path, (1, 1))
    try:
        assert place.run().status == "Completed"
        assert (old.exists(), young.exists(), kept.exists()) == (False, True, True)
    finally:
        started.target.stop()
        started.ended()
        young.rmdir()


# -- a worker that is killed

NOTES = """
    import sys, time
    from azureml.core import Run
    Run.get_context().log('executed', 1)
    print('up', flush=True)
    time.sleep(%s)
    sys.exit(%d)
"""


def executed(place, *specs):
    return ["executed" in place.steps.runs.state(spec.run_id).metrics for spec in specs]


def after_a_kill(place, code, *, wait=0.0, content="c"):
    """Kill the worker of a first try while the script runs; what a second try comes to."""
    specs = [place.steps.spec(code) for _ in range(2)]
    first = Worker(place, specs[0], "task")
    first.said("up")
    first.kill()
    time.sleep(wait)
    spec, result = Worker(place, specs[1], "task", content).ended()
    return specs, spec, result


def test_a_step_that_has_ended_meanwhile_is_collected(place):
    specs, spec, result = after_a_kill(place, NOTES % (0.1, 0), wait=2.0)
    assert (spec.run_id, result.status) == (specs[0].run_id, "Completed")
    assert executed(place, *specs) == [True, False]
    assert place.left() == []


def test_a_step_that_has_failed_meanwhile_is_tried_again(place):
    specs, spec, result = after_a_kill(place, NOTES % (0.1, 3), wait=2.0)
    assert (spec.run_id, result.status, result.exit_code) == (specs[1].run_id, "Failed", 3)
    assert executed(place, *specs) == [True, True]
    assert place.left() == []


def test_what_would_run_something_else_is_ended(place):
    specs, spec, result = after_a_kill(place, NOTES % (3, 0), content="other")
    assert (spec.run_id, result.status) == (specs[1].run_id, "Completed")
    assert place.left() == []


def test_a_step_that_is_collected_can_still_be_stopped(place):
    spec = place.steps.spec(STAY)
    first = Worker(place, spec, "task")
    first.said("up")
    first.kill()
    target = place.target()
    found = target.left_behind("task", "c")
    assert found is not None and found.run_id == spec.run_id
    started = Started(target, found)
    target.stop()
    assert started.ended().status == "Canceled"
    assert started.lines[0] == "up"  # all of its output, from the first line
    assert place.left() == []


def test_a_worker_that_is_killed_again_and_again(place):
    code = "import time; print('up', flush=True); time.sleep(6); print('end')"
    specs = [place.steps.spec(code) for _ in range(3)]
    for spec in specs[:2]:
        worker = Worker(place, spec, "task")
        worker.said("up")
        worker.kill()
    spec, result = Worker(place, specs[2], "task").ended()
    assert (spec.run_id, result.status) == (specs[0].run_id, "Completed")
    assert place.left() == []


def test_a_container_that_never_started_is_removed(place):
    target, interpreter = place.prepared()
    target.left_behind("task", "c")
    target._create(place.steps.spec(interpreter=interpreter))
    assert [item["State"] for item in place.containers()] == ["created"]
    assert place.target().left_behind("task", "c") is None
    assert place.left() == []


def test_of_another_task_nothing_is_touched(place):
    started = place.start(STAY)
    assert place.target().left_behind("another", "c") is None
    assert started.result is None
    started.target.stop()
    started.ended()


def test_what_nobody_came_for_is_swept_away(place, monkeypatch):
    target, interpreter = place.prepared()
    target._create(place.steps.spec(interpreter=interpreter))
    monkeypatch.setattr(docker_left, "_KEPT", docker_left._KEPT * 0)
    time.sleep(1.1)  # the engine counts whole seconds
    place.target().left_behind("another", "c")
    assert place.left() == []


def test_a_container_that_somebody_removes_is_an_answer(place):
    started = place.start(STAY)
    place.client.remove_container(place.containers()[0]["Id"], force=True)
    result = started.ended()
    assert (result.status, result.error["category"]) == ("Failed", "infrastructure")


def test_a_connection_that_breaks_is_made_again(place):
    """As when the engine or a proxy on the way restarts: the step goes on, and no line is lost or comes twice."""
    started = place.start("import time\nfor n in range(300): print('line', n, flush=True); time.sleep(0.01)")
    for _ in range(2):
        time.sleep(0.3)
        started.target._output._pieces.close()
    assert started.ended().status == "Completed"
    assert started.lines == [f"line {number}" for number in range(300)]


def test_what_a_run_says_can_be_read_while_it_runs_elsewhere(steps, monkeypatch):
    monkeypatch.setattr("mlsteps.compute.docker._LOOK", 0.3)
    place = DockerPlace(steps, shared_files=False)
    try:
        started = place.start(
            "import time\nfrom azureml.core import Run\nRun.get_context().log('a', 1)\nprint('up')\ntime.sleep(60)"
        )
        end = time.monotonic() + 20
        while "a" not in steps.runs.state(started.spec.run_id).metrics:
            assert time.monotonic() < end
            time.sleep(0.2)
        started.target.stop()
        started.ended()
    finally:
        place.close()


def test_threads_end(place):
    place.run()
    before = threading.active_count()
    place.run()
    assert threading.active_count() == before
    assert Path("/proc/self").exists()
