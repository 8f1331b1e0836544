"""A machine that is reached by SSH: connections by Airflow's ``SSHHook``, and the one command that is run there.

What SSH runs is a line for the user's shell. Ours is always the same, a Python that reads what it shall do from its
standard input: nothing of a step, and nothing that a person wrote but the name of that Python, is ever part of it.
"""

from __future__ import annotations

import copy
import importlib.util
import io
import json
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from mlsteps.compute import talk
from mlsteps.compute.inside import OLDEST
from mlsteps.compute.placement import SshOptions
from mlsteps.compute.tar import Stream
from mlsteps.errors import AzureMLException, InvalidInput, UserErrorException

if TYPE_CHECKING:
    from paramiko import Channel, SSHClient

#: Seconds of silence after which whoever is asked is taken for gone.
_SILENCE = 120.0
#: Seconds between attempts to connect.
_PAUSES = (1.0, 5.0)
#: Reads a program, then runs it with what follows on standard input.
_COMMAND = "import sys; i = sys.stdin.buffer; exec(i.read(int(i.readline())))"
#: Runs on every Python 3 there is.
_PROGRAM = """
import json, os, sys
told = json.loads({told!r})
if sys.version_info < tuple(told["oldest"]):
    sys.exit("mlsteps: Python %d.%d is too old" % sys.version_info[:2])
import types
os.environ.update(told["variables"])
for name, text in told["modules"]:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
sys.modules["mlsteps.compute.ssh_there"].main(*told["call"])
"""


class HostError(AzureMLException):
    """The machine does not answer; another try may help.

    :param gone: whether it is the step, not the machine, that is not there.
    """

    def __init__(self, message: str, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


class Host:
    """One machine. A connection is for one thread: :meth:`another` gives more.

    :param python: runs what is run there.
    """

    def __init__(self, options: SshOptions, python: str) -> None:
        self._options = options
        self.python = python
        self._clients: list[SSHClient] = []
        self._hook = _hook(options)
        self.name = f"{self._hook.username}@{self._hook.remote_host}"
        if self._hook.port not in (None, 22):
            self.name += f":{self._hook.port}"

    def another(self) -> SSHClient:
        """A connection.

        :raises HostError: when the machine does not answer.
        :raises UserErrorException: when it is not known, or does not let us in.
        """
        for pause in (*_PAUSES, None):
            try:
                with self.told("cannot be reached"):
                    hook = copy.copy(self._hook)  # its connection was looked up; each copy makes its own client
                    hook.client = None
                    made: SSHClient = hook.get_conn()
                    self._clients.append(made)
                    return made
            except HostError:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("the last pause is None")

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()
        self._clients.clear()

    def call(self, client: SSHClient, root: str, *words: Any, variables: Mapping[str, str] | None = None) -> Channel:
        """Begin one thing that :mod:`.ssh_there` does; the channel of its standard input and output.

        :param root: the step's folder there, "" for what is of no step.
        """
        told = {
            "oldest": OLDEST,
            "variables": {**(variables or {}), **({"MLSTEPS_KEEPER_ROOT": root} if root else {})},
            "modules": _modules(),
            "call": words,
        }
        program = _PROGRAM.format(told=json.dumps(told)).encode()
        with self.told("does not run anything"):
            transport = client.get_transport()
            if transport is None:
                raise EOFError("the connection has ended")
            channel = transport.open_session(timeout=_SILENCE)
            channel.settimeout(_SILENCE)
            channel.exec_command(shlex.join([self.python, "-I", "-c", _COMMAND]))
            channel.sendall(b"%d\n" % len(program) + program)
        return channel

    def ask(self, client: SSHClient, root: str, *words: Any) -> Any:
        """Do one thing that has an answer.

        :raises UserErrorException: when there is no Python, or one that is too old.
        """
        channel = self.call(client, root, *words)
        with channel, self.told("does not answer"):
            channel.shutdown_write()
            channel.settimeout(None)  # making an environment takes its time, and says nothing
            said = channel.makefile("rb").read()
            try:
                return json.loads(said)
            except ValueError:
                raise self.failure(channel) from None

    def failure(self, channel: Channel) -> AzureMLException:
        """Why a program there has ended without an answer."""
        with suppress(Exception):
            channel.settimeout(5.0)
        with self.told("does not answer"):
            errors = channel.makefile_stderr("rb").read().decode("utf-8", "replace").strip()[-500:]
            code = channel.recv_exit_status() if channel.exit_status_ready() else None
        if "is too old" in errors or code in (126, 127):
            oldest = ".".join(map(str, OLDEST))
            return UserErrorException(
                f"The machine {self.name} has no {self.python!r} that steps could run with: {errors}. Expected Python "
                f"{oldest} or newer; name one as the option python of the compute target, or as "
                "python.interpreter_path of the environment."
            )
        gone = "there is no such step" in errors
        return HostError(f"The machine {self.name} has not answered: {errors or f'exit code {code}'}", gone)

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Have errors of the connection come out as ours.

        :param what: goes on after "The machine ...".
        """
        from paramiko import AuthenticationException, BadHostKeyException, SSHException

        try:
            yield
        except BadHostKeyException as error:
            raise UserErrorException(
                f"The machine {self.name} has another host key than it is known by: {error}. When that is as it should "
                "be, say so in known_hosts of the workers, or as host_key of the connection."
            ) from error
        except AuthenticationException as error:
            raise UserErrorException(
                f"The machine {self.name} does not let in the connection {self._options.ssh_conn_id!r}: {error}. "
                "Expected a password, or private_key or key_file among its extras, that the machine knows."
            ) from error
        except (SSHException, OSError, EOFError) as error:
            if "not found in known_hosts" in str(error):
                raise UserErrorException(
                    f"The machine {self.name} is not known to this worker: {error}. Put its key into known_hosts of "
                    f"the worker's user (ssh-keyscan -p {self._hook.port or 22} {self._hook.remote_host}; compare it "
                    f"with the machine's own), or into the connection {self._options.ssh_conn_id!r} as the extra "
                    "host_key."
                ) from error
            raise HostError(f"The machine {self.name} {what}: {error or type(error).__name__}") from error


class Talk(talk.Talk):
    """A conversation with a step's keeper.

    :param client: a connection; it stays open.
    :param begin: what makes the step, when it is not there yet.
    """

    def __init__(
        self,
        host: Host,
        client: SSHClient,
        root: str,
        begin: tuple[Any, ...] = ("talk",),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._host = host
        self._channel = host.call(client, root, *begin, variables=variables)
        self._file = io.BufferedReader(Stream(iter(self._received, b"")), 1 << 18)

    def close(self) -> None:
        self._channel.close()

    def _received(self) -> bytes:
        with self._host.told("does not answer"):
            data: bytes = self._channel.recv(1 << 18)
            return data

    def _write(self, data: bytes) -> None:
        try:
            with self._host.told("does not take anything"):
                self._channel.sendall(data)
        except HostError:
            if self._channel.exit_status_ready():  # it has ended, and says why
                raise self._host.failure(self._channel) from None
            raise

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise self._host.failure(self._channel)
        return data


@cache
def _modules() -> list[tuple[str, str]]:
    """What goes there as text, by the names under which it is imported there."""
    texts = [("mlsteps", ""), ("mlsteps.compute", "")]
    for name in ("mlsteps.compute.keeper", "mlsteps.compute.ssh_there"):
        found = importlib.util.find_spec(name)
        assert found is not None and found.origin is not None
        with open(found.origin, encoding="utf-8") as file:
            texts.append((name, file.read()))
    return texts


def _hook(options: SshOptions) -> Any:
    try:
        from airflow.providers.ssh.hooks.ssh import SSHHook
    except ImportError as error:
        raise InvalidInput(
            f"A compute target of kind ssh needs Airflow's SSH provider ({error})",
            mend="pip install airflow-provider-mlsteps[ssh]",
        ) from error
    from airflow.sdk.exceptions import AirflowException

    try:
        return SSHHook(
            ssh_conn_id=options.ssh_conn_id,
            remote_host=options.address or "",
            username=options.username,
            port=options.port,
            conn_timeout=30,
            conn_retry_attempts=1,
        )
    except (AirflowException, ValueError) as error:
        raise UserErrorException(
            f"The connection {options.ssh_conn_id!r} of a compute target of kind ssh cannot be used: {error}. Expected "
            "a connection of type ssh with a host, a login, and a password or private_key."
        ) from error
