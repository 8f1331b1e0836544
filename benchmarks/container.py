"""A step in a warm container against a plain ``DockerOperator`` with the same image and command (target 1.3).

The image is one that was made of an environment, as those of steps are. Ours brings the runner in, keeps the run's
record and logs and commits an output; the peer runs the command. The command takes two seconds, as the shortest of real
steps do; ``overhead_s`` says what ours adds to a command of any length. Needs ``DOCKER_HOST``, and an image with Python
to start from: ``MLSTEPS_BENCH_IMAGE``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid

from benchmarks.measure import paired, report
from mlsteps.compute.docker_build import plan
from mlsteps.compute.placement import DockerOptions

ROUNDS = int(os.environ.get("MLSTEPS_BENCH_ROUNDS", "5"))
CODE = "import json, time; time.sleep(2); print('said')"


#: The environment of the step.
DOCUMENT = {"name": "bench", "python": {"conda": {"dependencies": ["python", {"pip": ["six"]}]}}}


def base() -> str:
    """An image that the engine has, or can pull."""
    import docker

    given = os.environ.get("MLSTEPS_BENCH_IMAGE")
    client = docker.APIClient(version="auto", base_url=os.environ["DOCKER_HOST"])
    own = client.images("hostpython:3.11")
    client.close()
    return given or ("hostpython:3.11" if own else "python:3.11-slim")


def step(name: str) -> None:
    """As the operator of a step does it: prepared, run, its output committed."""
    from mlsteps.compute.docker import DockerTarget
    from mlsteps.contracts.spec import OutputSpec, StepSpec
    from mlsteps.registry.documents import get_datastore
    from mlsteps.registry.runs import RunStore
    from mlsteps.registry.workspaces import open_workspace

    ws = open_workspace({"name": "bench"})
    run_id = str(uuid.uuid4())
    RunStore(ws).create(run_id, experiment="bench", type="azureml.StepRun", name="s")
    target = DockerTarget(DockerOptions(base_image=name))
    spec = StepSpec(
        run_id=run_id,
        pipeline_run_id=str(uuid.uuid4()),
        experiment="bench",
        step_name="s",
        workspace={"name": "bench", "root": ws.root},
        argv=({"python": ""}, "-c", CODE),
        interpreter=target.prepare(DOCUMENT, lambda line: None),
        work_directory=os.path.join(os.environ["MLSTEPS_HOME"], "work", run_id),
        datastores={"workspaceblobstore": get_datastore(ws, "workspaceblobstore")},
        outputs=(OutputSpec("out", "folder", "workspaceblobstore", f"out/{run_id}"),),
    )
    lines: list[str] = []
    result = target.run(spec, {}, on_line=lines.append)
    assert (result.status, lines[-1]) == ("Completed", "said"), (result, lines)


def plain(name: str) -> None:
    """The peer."""
    from airflow.providers.docker.operators.docker import DockerOperator

    operator = DockerOperator(
        task_id="peer",
        image=name,
        command=["python", "-c", CODE],
        docker_url=os.environ["DOCKER_HOST"],
        mount_tmp_dir=False,
        auto_remove="force",
    )
    assert "said" in str(operator._run_image())


def main() -> None:
    """One line, or none without an engine."""
    if not os.environ.get("DOCKER_HOST"):
        print("benchmark container: skipped, it needs DOCKER_HOST", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="mlsteps-bench-") as folder:
        os.environ["MLSTEPS_HOME"] = folder
        name = base()
        step(name)  # which builds the image, where nobody has yet
        made = plan(DockerOptions(base_image=name), DOCUMENT).name
        ours, peer, ratio = paired(lambda: step(name), lambda: plain(made), repeats=ROUNDS)
    report("container_step", "s", ours, peer, ratio, 1.3, overhead_s=round(ours - peer, 3), peer_is="DockerOperator")


if __name__ == "__main__":
    main()
