"""A server of this machine at an address that pods reach: they see neither its loopback nor the internet."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.components.conftest import variable


def host() -> str:
    """This machine as pods see it: ``MLSTEPS_TEST_HOST``, else the address of the cluster's own API."""
    import yaml

    given = os.environ.get("MLSTEPS_TEST_HOST")
    if given:
        return given
    with open(variable("KUBECONFIG"), encoding="utf-8") as file:
        return str(urlsplit(yaml.safe_load(file)["clusters"][0]["cluster"]["server"]).hostname)


@contextmanager
def relayed(url: str) -> Iterator[str]:
    """The same server's URL there."""
    parts = urlsplit(url)
    listener = socket.create_server((host(), 0))
    target = (parts.hostname or "", parts.port or 80)
    threading.Thread(target=_accept, args=(listener, target), daemon=True).start()
    try:
        yield f"{parts.scheme}://{host()}:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _accept(listener: socket.socket, target: tuple[str, int]) -> None:
    while True:
        try:
            near = listener.accept()[0]
        except OSError:
            return
        far = socket.create_connection(target)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
