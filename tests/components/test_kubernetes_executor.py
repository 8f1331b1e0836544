"""KubernetesExecutor: each task is a pod of its own that shares no disk with any other, with the workspace on S3.

The pods' image has a Python; Airflow and mlsteps come in read-only from this machine, as if they were in the image.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlsteps
from tests.components.conftest import variable
from tests.components.kubernetes_place import client, image
from tests.components.parts import Apart, new_database, wait_for
from tests.components.relay import host, relayed

AIRFLOW = "/airflow"
RUN = """
write("first", '''
import os, socket, sys, time
from azureml.core import Run
print("begun", sys.argv[2], flush=True)
time.sleep(float(sys.argv[3]))
Run.get_context().log("host", socket.gethostname())
os.makedirs(sys.argv[1])
open(os.path.join(sys.argv[1], "data"), "w").write(sys.argv[2])
''')
write("second", '''
import os, socket, sys
from azureml.core import Run
Run.get_context().log("host", socket.gethostname())
text = open(os.path.join(sys.argv[1], "data")).read()
open(os.path.join(sys.argv[2], "copy"), "w").write(text)
print("used", text, flush=True)
''')
config = RunConfiguration()
config.environment.python.user_managed_dependencies = True
data, copy = PipelineData("data"), OutputFileDatasetConfig("copy").register_on_complete("copy")
tag, seconds = PipelineParameter("tag", "none"), PipelineParameter("seconds", 0)
first = PythonScriptStep("first.py", name="first", arguments=[data, tag, seconds], outputs=[data],
                         source_directory="first", runconfig=config)
second = PythonScriptStep("second.py", name="second", arguments=[data, copy], inputs=[data],
                          source_directory="second", runconfig=config)
given = {"tag": sys.argv[1], "seconds": int(sys.argv[2])}
run = Experiment(ws, "executor").submit(Pipeline(ws, [second]), pipeline_parameters=given)
print("run", run.id, flush=True)
print("status", run.wait_for_completion(show_output=False))
for step in run.get_steps():
    reused = step.get_properties().get("azureml.isreused", "false")
    print(step.name, step.get_metrics().get("host"), reused, step.get_status())
print("versions", Dataset.get_by_name(ws, "copy").version)
"""


class InPods(Apart):
    """Without workers: the scheduler makes a pod for each task."""

    workers = ""

    def __init__(self, *where: Any) -> None:
        self.host, self.mark = host(), uuid.uuid4().hex
        super().__init__(*where)
        near = f"{self.host},127.0.0.1,localhost"
        for part in [*self.parts.values(), self.client]:
            part.environment.update(NO_PROXY=near, no_proxy=near)

    def _settings(self, database: str, broker: str) -> dict[str, object]:
        common = super()._settings(database, broker)
        template = self.folder / "pod.yaml"
        template.write_text(self._template(common))
        name, _, tag = image().rpartition(":")
        return {
            **common,
            "CORE__EXECUTOR": "KubernetesExecutor",
            "KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE": template,
            "KUBERNETES_EXECUTOR__WORKER_CONTAINER_REPOSITORY": name,
            "KUBERNETES_EXECUTOR__WORKER_CONTAINER_TAG": tag,
            "KUBERNETES_EXECUTOR__IN_CLUSTER": False,
            "KUBERNETES_EXECUTOR__CONFIG_FILE": variable("KUBECONFIG"),
        }

    def _template(self, settings: dict[str, object]) -> str:
        """What an image and a Helm chart give to a worker's pod: nothing of the database, no credentials."""
        import yaml

        wanted = ("CORE__EXECUTION", "CORE__MIN", "DAG_PROCESSOR", "WORKERS", "MLSTEPS", "USAGE")
        variables = {f"AIRFLOW__{key}": str(value) for key, value in settings.items() if key.startswith(wanted)}
        libraries = _libraries()
        variables.update(
            AIRFLOW_HOME=AIRFLOW,
            HOME=AIRFLOW,
            MLSTEPS_HOME=f"{AIRFLOW}/mlsteps",
            PATH=f"{sys.prefix}/bin:/usr/bin:/bin",
            # Wheels want more libraries than a Python alone; the Python's own come first.
            LD_LIBRARY_PATH=f"{sysconfig.get_config_var('LIBDIR')}:{libraries}",
            NO_PROXY=self.host,
        )
        folders = (sys.prefix, str(Path(mlsteps.__file__).parent.parent), libraries)
        container = {
            "name": "base",
            "image": image(),
            "imagePullPolicy": "IfNotPresent",
            "env": [{"name": name, "value": value} for name, value in variables.items()],
            "volumeMounts": [
                {"name": "home", "mountPath": AIRFLOW},
                *({"name": f"code-{at}", "mountPath": path, "readOnly": True} for at, path in enumerate(folders)),
            ],
        }
        volumes = [
            {"name": "home", "emptyDir": {"sizeLimit": "1Gi"}},
            *({"name": f"code-{at}", "hostPath": {"path": path}} for at, path in enumerate(folders)),
        ]
        spec = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
        metadata = {"name": "worker", "labels": {"test": self.mark}}
        return str(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}))


def _libraries() -> str:
    """Where this machine's C library is, and its kin."""
    maps = Path("/proc/self/maps").read_text().split()
    return str(Path(next(word for word in maps if word.endswith("/libc.so.6"))).parent)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InPods]:
    import s3fs

    database, drop = new_database(variable("POSTGRES_URL"))
    with relayed(variable("AWS_ENDPOINT_URL")) as url:
        store = {
            "conn_type": "aws",
            "login": variable("AWS_ACCESS_KEY_ID"),
            "password": variable("AWS_SECRET_ACCESS_KEY"),
            "extra": {"endpoint_url": url, "region_name": os.environ["AWS_DEFAULT_REGION"]},
        }
        region = {"region_name": store["extra"]["region_name"]}
        files = s3fs.S3FileSystem(key=store["login"], secret=store["password"], endpoint_url=url, client_kwargs=region)
        bucket = f"t{uuid.uuid4().hex}"
        files.mkdir(bucket)
        root = f"s3://mlsteps_store@{bucket}/team"
        made = InPods(tmp_path_factory.mktemp("pods"), database, "redis://none", root, store)
        api = client()
        try:
            made.start()
            yield made
        finally:
            made.stop()
            for pod in api.list_namespaced_pod("default", label_selector=f"test={made.mark}").items:
                api.delete_namespaced_pod(pod.metadata.name, "default", grace_period_seconds=0)
            api.api_client.close()
            drop()
            files.invalidate_cache()
            files.rm(bucket, recursive=True)


def steps(said: str) -> dict[str, list[str]]:
    """What the client has printed of each step: host, whether reused, status."""
    lines = [line.split() for line in said.splitlines()]
    return {line[0]: line[1:] for line in lines if line and line[0] in ("first", "second")}


def test_each_step_is_a_pod_and_the_next_run_reuses_both(apart: InPods) -> None:
    said = apart.run(RUN, "one", "0", seconds=240)
    found = steps(said)
    assert "status Finished" in said and "versions 1" in said
    assert sorted(found) == ["first", "second"]
    assert [values[1:] for values in found.values()] == [["false", "Finished"]] * 2
    hosts = [values[0] for values in found.values()]
    assert all(name.startswith("executor") for name in hosts) and len(set(hosts)) == 2  # Airflow's names of pods

    again = apart.run(RUN, "one", "0", seconds=240)
    assert "status Finished" in again and "versions 1" in again
    assert {values[1] for values in steps(again).values()} == {"true"}


def test_the_pod_of_a_task_is_lost(apart: InPods) -> None:
    """The next try begins anew, in another pod."""
    api, label = client(), f"test={apart.mark}"
    process = apart.submit(RUN, "two", "20")

    def running() -> str | None:
        for pod in api.list_namespaced_pod("default", label_selector=label).items:
            name = pod.metadata.name
            if pod.status.phase == "Running" and "begun two" in api.read_namespaced_pod_log(name, "default"):
                return str(name)
        return None

    lost = wait_for(running, "the script runs in a pod")
    api.delete_namespaced_pod(lost, "default", grace_period_seconds=0)
    said, _ = process.communicate(timeout=300)
    api.api_client.close()
    assert process.returncode == 0 and "status Finished" in said, said[-3000:]
    hosts = [values[0] for values in steps(said).values()]
    assert lost not in hosts and len(set(hosts)) == 2
