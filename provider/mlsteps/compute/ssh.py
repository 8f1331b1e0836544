"""A step on a machine that is reached by SSH: a process there, which outlives a worker that is killed.

Airflow's ``SSHHook`` makes the connections. A keeper (:mod:`.keeper`), as in a pod, runs the step in a session of its
own and stays when the worker goes; the next try of the task finds it by what lies in its folder, and collects it.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.compute import inside, ssh_environment
from mlsteps.compute.asked import handed_on
from mlsteps.compute.base import Report, Target
from mlsteps.compute.carried import Carried
from mlsteps.compute.files import carried_of
from mlsteps.compute.lines import Lines
from mlsteps.compute.placement import SshOptions
from mlsteps.compute.ssh_files import Files
from mlsteps.compute.ssh_host import Host, HostError, Talk
from mlsteps.compute.ssh_output import Output
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.environments import drivers
from mlsteps.errors import RunConfigurationException, UserErrorException

if TYPE_CHECKING:
    from paramiko import SSHClient

#: Seconds in which a runner that was asked to stop has to end.
_PATIENCE = 40.0
#: Seconds between two looks at what a step says of its run.
_LOOK = 5.0
#: Seconds of silence after which the machine is asked whether it is there.
_SILENCE = 30.0
#: Seconds in which a machine that does not answer has to come back.
_OUTAGE = 120.0


class SshTarget(Target):
    """One process on the machine for one attempt."""

    def __init__(self, options: SshOptions) -> None:
        self._options = options
        self._host = Host(options, options.python)
        self._client: SSHClient | None = None
        self._said: Mapping[str, Any] = {}
        self._labels = {"task": "", "content": ""}
        self._root = ""
        self._is_left = self._is_told = self._is_begun = False
        self._files: Files | None = None
        self._output: Output | None = None
        self._lines = Lines(lambda line: None)
        self._taken = 0
        self._stopped: float | None = None
        self._looked = self._heard = time.monotonic()

    def prepare(self, environment: Mapping[str, Any] | None, report: Report) -> str:
        """See :meth:`Target.prepare`: a Python that is there, or an environment that ``uv`` makes there."""
        try:
            python = ssh_environment.python_named(environment, self._options.python)
            if python != self._host.python:
                self._host.python, self._said = python, {}
            said = self._known()
            if not environment or (environment.get("python") or {}).get("user_managed_dependencies"):
                return str(said["path"])
            return ssh_environment.made(self._host, self._connected(), said, self._folder(), environment, report)
        except BaseException:
            self._close()
            raise

    def left_behind(self, task: str, content: str) -> StepSpec | None:
        """See :meth:`Target.left_behind`: a step that goes on there, or has done its work."""
        self._labels = {"task": task, "content": content}
        try:
            self._known()
            found = None
            for step in self._host.ask(self._connected(), "", "find", f"{self._folder()}/runs", task):
                if found is None and step["content"] == content and _is_of_use(step):
                    found = step
                else:
                    self._host.ask(self._connected(), step["root"], "end")
        except BaseException:
            self._close()
            raise
        if found is None:
            return None
        self._root, self._is_left, self._is_begun, self._is_told = found["root"], True, True, True
        return StepSpec.from_json(found["spec"])

    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        """See :meth:`Target.run`. Nothing of it is left there afterwards."""
        self._lines = Lines(on_line)
        try:
            if self._is_left:
                with Talk(self._host, self._connected(), self._root) as talk:
                    self._files = Files.left(talk, spec, self._root)
            elif self._stopped is None:
                try:
                    carried = carried_of(spec, self._options.carry)
                except UserErrorException as error:
                    return self._failed("input", error.message)
                self._begin(spec, carried, credentials)
            if not self._is_told:
                return _CANCELED
            return self._finish()
        except HostError as error:
            return self._failed("infrastructure", error.message)
        except UserErrorException as error:
            return self._failed("environment", error.message)
        finally:
            self._end()

    # -- the machine

    def _connected(self) -> SSHClient:
        """The connection of the thread that runs the step; made anew when it broke."""
        transport = self._client.get_transport() if self._client is not None else None
        if self._client is None or transport is None or not transport.is_active():
            self._client = self._host.another()
        return self._client

    def _known(self) -> Mapping[str, Any]:
        """What the machine says of itself."""
        if not self._said:
            self._said = self._host.ask(self._connected(), "", "hello")
        return self._said

    def _folder(self) -> str:
        return os.path.join(str(self._known()["home"]), self._options.folder)

    # -- its beginning

    def _begin(self, spec: StepSpec, carried: Carried | None, credentials: Mapping[str, Any]) -> None:
        """Its process, its files, then the credentials; the runner starts."""
        if not spec.interpreter:
            raise RunConfigurationException("The step's Python was not prepared. Call prepare() before run().")
        said = self._known()
        python = drivers.Python(
            said["path"], tuple(said["version"]), drivers.platform_of(said["machine"], said["libc"])
        )
        remote = drivers.protocols(spec.datastores.values(), str(spec.workspace.get("root")))
        packages = inside.packages(drivers.drivers(python, remote, self._lines.note))
        self._root = f"{self._folder()}/runs/{_name(spec)}"
        about = {**self._labels, "spec": spec.to_json(), "run_id": spec.run_id}
        begin = ("begin", about, self._options.kept_seconds)
        self._is_begun = True
        with Talk(self._host, self._connected(), self._root, begin, self._variables()) as talk:
            self._files = Files(spec, carried, self._root, packages)
            self._files.put_in(talk)
            if self._stopped is not None:
                return
            talk.ask("start", pieces=[json.dumps(dict(credentials)).encode() + b"\n"])
        self._is_told = True
        if self._stopped is not None:  # meanwhile
            self._pass_on_stop()

    def _variables(self) -> dict[str, str]:
        """Of the runner there; its script has the step's own besides."""
        ours = {"MLSTEPS_HOME": f"{self._root}/home", "MLSTEPS_CACHE_SIZE": "0"}
        return {**handed_on(), **self._options.environment, **ours}

    # -- following it

    def _finish(self) -> StepResult:
        """Hand its output on until it has ended; what came of it."""
        self._looked = self._heard = time.monotonic()
        while True:
            try:
                self._follow()
                result = self._answer()
                if result is not None:
                    return result
            except HostError as error:
                if error.gone or self._is_out_of_patience() or time.monotonic() - self._heard > _OUTAGE:
                    raise
                self._client = None  # whatever it says of itself
            time.sleep(0.2)

    def _follow(self) -> None:
        """Hand output on until it ends, or there was time enough to."""
        self._output = Output(self._host, self._connected(), self._root, self._taken)
        try:
            spoke = time.monotonic()
            while not self._is_out_of_patience():
                piece = self._output.take(1.0)
                if piece == b"":
                    break
                self._heard = time.monotonic()
                if piece:
                    self._taken += len(piece)
                    self._lines.feed(piece)
                    spoke = self._heard
                elif self._heard - spoke > _SILENCE:
                    with Talk(self._host, self._connected(), self._root) as talk:
                        talk.ask("look", [])  # or the connection is dead
                    spoke = time.monotonic()
                self._look_around()
        finally:
            output, self._output = self._output, None
            output.close()

    def _answer(self) -> StepResult | None:
        """What it says of its end; None when it goes on, or has not been asked to the end."""
        assert self._files is not None
        with Talk(self._host, self._connected(), self._root) as talk:
            state = talk.ask("look", [])
            if "code" not in state and not self._is_out_of_patience() and self._lives():
                return None
            self._lines.feed(b"", final=True)
            answer = state["answer"]
            result = None if answer is None else StepResult.from_json(answer)
            self._files.bring_back(talk, result)
        if result is not None:
            return result
        if self._stopped is not None:
            return _CANCELED
        how = f"ended with exit code {state['code']}" if "code" in state else "was killed"
        return self._failed("infrastructure", f"The step's runner on {self._host.name} {how}, and left no result.")

    def _lives(self) -> bool:
        return bool(self._host.ask(self._connected(), self._root, "is_there"))

    def _look_around(self) -> None:
        if self._files is None or not self._files.is_told_of_late or time.monotonic() - self._looked < _LOOK:
            return
        try:
            with Talk(self._host, self._connected(), self._root) as talk:
                self._files.refresh(talk)
        except HostError:
            pass  # it has ended, or the machine is away for a moment: the next look, or the end
        self._looked = time.monotonic()

    # -- its end

    def stop(self) -> None:
        """See :meth:`Target.stop`: the step's script is told, and :meth:`run` ends what does not listen."""
        if self._stopped is None:
            self._stopped = time.monotonic()
            if self._is_told:
                self._pass_on_stop()

    def _pass_on_stop(self) -> None:
        """By a connection of its own: it may have interrupted whoever uses the other."""
        try:
            with Talk(self._host, self._host.another(), self._root) as talk:
                talk.ask("stop")
        except (HostError, UserErrorException):
            pass  # it has ended, or is ended when the time is over

    def _is_out_of_patience(self) -> bool:
        return self._stopped is not None and time.monotonic() - self._stopped > _PATIENCE

    def _failed(self, category: str, message: str) -> StepResult:
        error = {"category": category, "message": message}
        last = "\n".join(self._lines.last)
        return StepResult("Failed", error={**error, "tail": last} if last else error)

    def _end(self) -> None:
        """Nothing of it stays there, and no connection here."""
        try:
            if self._is_begun:
                self._host.ask(self._connected(), self._root, "end")
        except (HostError, UserErrorException) as error:
            self._lines.note(f"{error.message} {self._root} may still be there.")
        finally:
            self._close()

    def _close(self) -> None:
        self._client = None
        self._host.close()


_CANCELED = StepResult("Canceled", error={"category": "user", "message": "The step was cancelled."})


def _is_of_use(step: Mapping[str, Any]) -> bool:
    """It runs, or it has ended well. One that failed is a failed try, and this is the next."""
    if step["ended"]:
        return bool(step["status"] == "Completed")
    return bool(step["lives"] and step["started"])


def _name(spec: StepSpec) -> str:
    """A name that tells a person which step this is."""
    step = re.sub(r"[^A-Za-z0-9_.-]+", "-", spec.step_name).strip("-.")[:40] or "step"
    return f"{step}-{spec.run_id[:8]}-{uuid.uuid4().hex[:6]}"
