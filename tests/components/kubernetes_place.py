"""Pods as places for the behaviour suite, on the cluster that ``KUBECONFIG`` names."""

from __future__ import annotations

import os
import time
import uuid
from functools import cached_property
from typing import Any

from tests.components.conftest import variable
from tests.compute.place import Place, Started, of_processes
from tests.runner.support import Steps


def client() -> Any:
    """A client of the cluster."""
    from kubernetes import config
    from kubernetes.client import ApiClient, CoreV1Api

    configuration = _configuration()
    config.load_kube_config(variable("KUBECONFIG"), client_configuration=configuration)
    return CoreV1Api(ApiClient(configuration))


def _configuration() -> Any:
    from kubernetes.client import Configuration

    return Configuration()


def image() -> str:
    """An image with a Python of today that nodes have or get: ``MLSTEPS_TEST_IMAGE``, else a public one."""
    return os.environ.get("MLSTEPS_TEST_IMAGE") or "python:3.11-slim"


class KubernetesPlace(Place):
    """Steps in pods.

    :param options: of the placement, beside the label by which a test knows its own pods.
    """

    outlives_worker = True

    def __init__(self, steps: Steps, **options: Any) -> None:
        self.mark = uuid.uuid4().hex
        variable("KUBECONFIG")
        options = {"image": image(), "labels": {"test": self.mark}, "limits": "none", **options}
        super().__init__(steps, {"kind": "kubernetes", "options": options})
        self.pods()  # this client's own connection is there from now on

    @cached_property
    def client(self) -> Any:
        """A client of the cluster."""
        return client()

    def pods(self) -> list[Any]:
        """This test's pods, in whatever state."""
        found: list[Any] = self.client.list_namespaced_pod("default", label_selector=f"test={self.mark}").items
        return found

    def left(self) -> list[str]:
        return [*super().left(), *(item.metadata.name for item in self.pods())]

    def ask(self, *command: str) -> str:
        """Run a program in this test's pod; what it says."""
        from kubernetes.stream import stream

        name = self.pods()[0].metadata.name
        return str(
            stream(
                client().connect_get_namespaced_pod_exec,
                name,
                "default",
                command=list(command),
                stderr=True,
                stdout=True,
                stdin=False,
                tty=False,
            )
        )

    def kill_runner(self, started: Started) -> None:
        self.ask("python3", "-c", _KILL)

    def visible(self, started: Started) -> bytes:
        """What whoever may look at pods sees, and what lies in files and variables of the pod's processes."""
        seen = [str(self.pods()).encode()]
        seen.append(str(self.client.list_namespaced_event("default")).encode())
        seen.append(str(self.client.list_namespaced_secret("default")).encode())
        seen.append(str(self.client.list_namespaced_config_map("default")).encode())
        seen.append(self.client.read_namespaced_pod_log(self.pods()[0].metadata.name, "default").encode())
        seen.append(self.ask("python3", "-c", _LOOK).encode())
        return b"".join([*seen, *of_processes()])

    def close(self) -> None:
        """Remove what a test that failed has left."""
        for item in self.pods():
            self.client.delete_namespaced_pod(item.metadata.name, "default", grace_period_seconds=0)
        end = time.monotonic() + 30
        while self.pods() and time.monotonic() < end:
            time.sleep(0.2)
        self.client.api_client.close()


#: The runner is the process that has the script as its child.
_KILL = """
import os, signal
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != 1:
        words = open(f"/proc/{name}/cmdline", "rb").read().split(b"\\0")
        if b"/mlsteps/runtime" in words:
            os.kill(int(name), signal.SIGKILL)
"""
#: Everything that was put in, and what processes say of themselves.
_LOOK = """
import os
for parent, folders, names in os.walk("/mlsteps"):
    if "/runtime" in parent:
        continue
    for name in names:
        path = os.path.join(parent, name)
        if os.path.isfile(path):
            print(path, open(path, "rb").read())
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        print(open(f"/proc/{name}/cmdline", "rb").read(), open(f"/proc/{name}/environ", "rb").read())
"""
