"""Talking to the keeper of a pod (:mod:`.keeper`): the API's ``exec``, as bytes in both directions."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from mlsteps.compute import keeper
from mlsteps.compute.kubernetes_cluster import Cluster, ClusterError
from mlsteps.compute.kubernetes_pod import CONTAINER
from mlsteps.compute.tar import Stream

#: Seconds of silence after which whoever is asked is taken for gone.
_SILENCE = 120.0
_INPUT, _OUTPUT, _ERRORS, _STATUS = range(4)
#: The most that goes into one piece.
_PIECE = 1 << 18
#: The text is there once the first process is ready to be asked.
_WAIT = """
import os, sys, time
sys.argv.pop(0)
end = time.monotonic() + 60
while not os.path.exists(sys.argv[0]) and time.monotonic() < end: time.sleep(0.02)
exec(compile(open(sys.argv[0], encoding="utf-8").read(), sys.argv[0], "exec"))
"""


class Talk:
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

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def ask(self, what: str, *words: Any, pieces: Iterable[bytes] | None = None) -> Any:
        """Ask, perhaps with a message that follows; the document that is answered."""
        self.question(what, *words, pieces=pieces)
        return keeper.load(b"".join(self.message()))

    def question(self, what: str, *words: Any, pieces: Iterable[bytes] | None = None) -> None:
        """Ask what is answered by messages, which are then to be taken."""
        self._send([json.dumps([what, *words]).encode("utf-8", "surrogatepass")])
        if pieces is not None:
            self._send(pieces)

    def message(self) -> Iterator[bytes]:
        """The pieces of the next message."""
        while True:
            count = int.from_bytes(self._exactly(4), "big")
            if not count:
                return
            yield self._exactly(count)

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            told = self._errors.decode("utf-8", "replace").strip()[-500:]
            raise ClusterError(
                f"The cluster {self._what}: {told or self._status.get('message') or 'the connection ended'}"
            )
        return data

    def _send(self, pieces: Iterable[bytes]) -> None:
        with self._cluster.told(self._what):
            for piece in pieces:
                for at in range(0, len(piece), _PIECE):
                    part = piece[at : at + _PIECE]
                    self._client.write_stdin(len(part).to_bytes(4, "big") + part)
            self._client.write_stdin(keeper.END)

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
