"""A cluster of today before a real one of 1.20, for steps on several nodes: what its release lacks is added.

Everything goes to the real API, ``exec`` and output as well, and pods are real. Only what a controller of indexed Jobs
does is done here, as Kubernetes documents it: a pod for each index with its annotation, host name and variable, and
with ``backoffLimit: 0`` a pod that fails ends all others. The Job is there, too, for the real garbage collector, with
no pods of its own.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import threading
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.components.conftest import variable
from tests.components.kubernetes_place import client

NUMBER = "batch.kubernetes.io/job-completion-index"
_JOBS = re.compile(r"/apis/batch/v1/namespaces/default/jobs(/[^/?]+)?(\?.*)?$")


class IndexedJobs:
    """Listens on this machine until :meth:`close`; ``config`` is a file that names it as the cluster.

    :param minor: of the release that it says it has.
    """

    def __init__(self, folder: Path, minor: str = "30+") -> None:
        self.minor, self.jobs, self.failed = minor, {}, {}
        document = yaml.safe_load(Path(variable("KUBECONFIG")).read_text())
        server = urlsplit(document["clusters"][0]["cluster"]["server"])
        self._far = (str(server.hostname), int(server.port or 443))
        self._listener = socket.create_server(("127.0.0.1", 0))
        document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._listener.getsockname()[1]}"}
        self.config = folder / "kubeconfig"
        self.config.write_text(yaml.safe_dump(document))
        self._api, self._over = client(), threading.Event()
        self._token = document["users"][0]["user"].get("token")
        self._controller = threading.Thread(target=self._control)
        self._controller.start()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        self._controller.join()
        self._listener.close()
        self._api.api_client.close()

    # -- the controller

    def _control(self) -> None:
        while not self._over.wait(0.2):
            for name in list(self.jobs):
                pods = self._pods(name)
                bad = [pod for pod in pods if pod.status.phase == "Failed"]
                if name not in self.failed and (bad or len(pods) < self.jobs[name]["spec"]["completions"]):
                    self.failed[name] = "BackoffLimitExceeded"
                    for pod in pods:
                        if pod.status.phase in ("Pending", "Running"):
                            self._api.delete_namespaced_pod(pod.metadata.name, "default")

    def _pods(self, name: str) -> list[Any]:
        found: list[Any] = self._api.list_namespaced_pod("default", label_selector=f"job-name={name}").items
        return found

    def _make(self, job: dict[str, Any], uid: str) -> None:
        """As documented for ``completionMode: Indexed``."""
        name, spec = job["metadata"]["name"], job["spec"]
        for number in range(spec["completions"]):
            pod = deepcopy(spec["template"])
            pod["metadata"]["name"] = f"{name}-{number}-{uid[:5]}"
            pod["metadata"].setdefault("labels", {})["job-name"] = name
            pod["metadata"].setdefault("annotations", {})[NUMBER] = str(number)
            # That it controls them is left out: the Job of 1.20 would remove pods that it did not ask for.
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}
            pod["metadata"]["ownerReferences"] = [owner]
            pod["spec"]["hostname"] = f"{name}-{number}"
            self._api.create_namespaced_pod("default", pod)
        self.jobs[name] = job

    # -- what is answered

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._answer, args=(near,), daemon=True).start()

    def _answer(self, near: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = near.recv(1 << 16)
            if not piece:
                return near.close()
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        fields = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines[1:]}
        while len(body) < int(fields.get("content-length") or 0):
            body += near.recv(1 << 16)
        if path.startswith("/version") or (_JOBS.match(path) and method in ("GET", "POST")):
            return self._ours(near, method, path, fields, body)
        kept = [line for line in lines if not line.lower().startswith("connection:") or "upgrade" in fields]
        closing = [] if "upgrade" in fields else ["Connection: close"]
        far = self._connected()
        far.sendall("\r\n".join([*kept, *closing, "", ""]).encode("latin-1") + body)
        other = threading.Thread(target=_copy, args=(near, far), daemon=True)
        other.start()
        _copy(far, near)
        near.close()
        far.close()

    def _connected(self) -> socket.socket:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(socket.create_connection(self._far))

    def _ours(self, near: socket.socket, method: str, path: str, fields: dict[str, str], body: bytes) -> None:
        upstream = http.client.HTTPConnection(*self._far, timeout=60)
        upstream.sock = self._connected()
        job = json.loads(body) if body else {}
        sent = body
        if method == "POST":
            assert job["spec"]["completionMode"] == "Indexed"
            assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
            sent = json.dumps({**job, "spec": {**job["spec"], "parallelism": 0}}).encode()
        told = {"Authorization": fields["authorization"], "Content-Type": "application/json"}
        upstream.request(method, path, sent or None, told)
        answer = upstream.getresponse()
        found = json.loads(answer.read())
        if path.startswith("/version"):
            found["minor"] = self.minor
        elif method == "POST" and answer.status == 201:
            self._make(job, found["metadata"]["uid"])
        for item in found.get("items") or [found]:
            self._say_failed(item)
        data = json.dumps(found).encode()
        head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        near.sendall(f"{head}Connection: close\r\n\r\n".encode() + data)
        near.close()
        upstream.close()

    def _say_failed(self, job: dict[str, Any]) -> None:
        name = (job.get("metadata") or {}).get("name")
        if name in self.failed:
            condition = {"type": "Failed", "status": "True", "reason": self.failed[name], "message": "a pod has failed"}
            job.setdefault("status", {})["conditions"] = [condition]


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except (OSError, ValueError):
        pass
