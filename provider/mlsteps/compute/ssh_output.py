"""The output of a step on a machine that is reached by SSH: a file there, followed to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlsteps.compute.piped import Piped
from mlsteps.compute.ssh_host import Host

if TYPE_CHECKING:
    from paramiko import Channel, SSHClient


class Output(Piped):
    """Bytes of the file from ``offset`` on; a broken connection ends them early, and :attr:`error` is set."""

    def __init__(self, host: Host, client: SSHClient, root: str, offset: int) -> None:
        self._channel = host.call(client, root, "follow", offset)
        super().__init__(_pieces(host, self._channel))

    def _wake(self) -> None:
        self._channel.close()


def _pieces(host: Host, channel: Channel) -> Iterator[bytes]:
    with host.told("gives no more output"):
        channel.settimeout(None)
        while piece := channel.recv(1 << 16):
            yield piece
        if channel.recv_exit_status() != 0:
            raise EOFError("the connection has ended")
