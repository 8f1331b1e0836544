"""Talking to the keeper of a pod (:mod:`.keeper`): the API's ``exec``, as bytes in both directions."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from mlsteps.compute import keeper, talk
from mlsteps.compute.kubernetes_cluster import Cluster, ClusterError
from mlsteps.compute.kubernetes_pod import CONTAINER
from mlsteps.compute.tar import Stream

#: Seconds of silence after which whoever is asked is taken for gone.
_SILENCE = 120.0
_INPUT, _OUTPUT, _ERRORS, _STATUS = range(4)
#: The text is there once the first process is ready to be asked.
_WAIT = """
import os, sys, time
sys.argv.pop(0)
end = time.monotonic() + 60
while not os.path.exists(sys.argv[0]) and time.monotonic() < end: time.sleep(0.02)
exec(compile(open(sys.argv[0], encoding="utf-8").read(), sys.argv[0], "exec"))
"""


class Talk(talk.Talk):
    """A conversation with the keeper of one pod: questions, one after the other.

    :raises ClusterError: now and later, when the pod or the way to it is not there.
    """

    def __init__(self, cluster: Cluster, pod: str, python: str) -> None:
        self._cluster = cluster
        self._what = f"does not get through to the step in {pod}"
        self._errors = b""
        self._status: dict[str, Any] = {}
        self._client = self._connected(pod, python)
        self._client.sock.settimeout(_SILENCE)
        self._file = io.BufferedReader(Stream(self._output()), 1 << 18)

    def _connected(self, pod: str, python: str) -> Any:
        from kubernetes.stream import stream

        try:
            with self._cluster.told(self._what):
                return stream(
                    self._cluster.another().connect_get_namespaced_pod_exec,
                    pod,
                    self._cluster.namespace,
                    container=CONTAINER,
                    command=[python, "-I", "-c", _WAIT, keeper.TEXT, "talk"],
                    stdin=True,
                    stdout=True,
                    stderr=True,
                    tty=False,
                    _preload_content=False,
                    binary=True,
                )
        except AttributeError as error:  # the client stumbles over its own words for a connection that is refused
            refused = str(getattr(error.__context__, "reason", error))
            gone = 404 if "status 404" in refused else None
            raise ClusterError(f"The cluster {self._what}: {refused.partition(' -+-+-')[0]}", gone) from error

    def close(self) -> None:
        self._client.close()

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            told = self._errors.decode("utf-8", "replace").strip()[-500:]
            raise ClusterError(
                f"The cluster {self._what}: {told or self._status.get('message') or 'the connection ended'}"
            )
        return data

    def _write(self, data: bytes) -> None:
        with self._cluster.told(self._what):
            self._client.write_stdin(data)

    def _output(self) -> Iterator[bytes]:
        """Standard output as it comes, until its program ends."""
        from websocket import ABNF

        while True:
            with self._cluster.told(self._what):
                operation, frame = self._client.sock.recv_data_frame(True)
            if operation == ABNF.OPCODE_CLOSE:
                return
            if operation not in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) or not frame.data:
                continue
            channel, data = frame.data[0], bytes(frame.data[1:])
            if channel == _OUTPUT and data:
                yield data
            elif channel == _ERRORS:
                self._errors = (self._errors + data)[-4096:]
            elif channel == _STATUS and data:
                self._status = json.loads(data)
                return
