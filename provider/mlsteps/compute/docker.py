"""A step in a container: the runner enters the image as it is, and a container outlives a worker that is killed.

Airflow's ``DockerHook`` makes the client. The container's own standard input brings the credentials; it stays open when
the worker goes, so the step goes on, and the next try of its task finds the container by its labels and collects it.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from mlsteps.compute import docker_build, docker_bytecode, docker_container, docker_image, docker_left, inside
from mlsteps.compute.base import Report, Target
from mlsteps.compute.carried import Carried
from mlsteps.compute.docker_engine import Engine, EngineError
from mlsteps.compute.docker_files import Files
from mlsteps.compute.docker_output import Output
from mlsteps.compute.docker_room import Room
from mlsteps.compute.lines import Lines
from mlsteps.compute.placement import DockerOptions
from mlsteps.compute.places import Place, places
from mlsteps.compute.vm_sizes import Resources
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.environments import drivers
from mlsteps.errors import RunConfigurationException

#: Seconds in which a runner that was asked to stop has to end.
_PATIENCE = 40.0
#: Seconds of silence after which the engine is asked whether the container still runs.
_SILENCE = 30.0
#: Seconds between two looks at what a step says of its run.
_LOOK = 5.0
#: Seconds in which an engine that is being restarted has to answer again.
_OUTAGE = 120.0


class DockerTarget(Target):
    """One container for one attempt.

    :param size: what the compute target's VM size has, or None.
    :param docker: the ``docker`` section of the step's run configuration.
    """

    def __init__(
        self, options: DockerOptions, *, size: Resources | None = None, docker: Mapping[str, Any] | None = None
    ) -> None:
        self._options = options
        self._size = size
        self._docker = docker or {}
        self._engine = Engine(options)
        self._image: docker_image.Image | None = None
        self._python: drivers.Python | None = None
        self._labels: dict[str, str] = {}
        self._container: str | None = None
        self._is_new = self._handed_over = False
        self._room: Room | None = None
        self._files: Files | None = None
        self._output: Output | None = None
        self._lines = Lines(lambda line: None)
        #: Bytes of output that were handed on, and how many of them come again now.
        self._taken = self._known = 0
        self._stopped = False
        self._looked = time.monotonic()
        self._thread = 0

    def prepare(self, environment: Mapping[str, Any] | None, report: Report) -> str:
        """See :meth:`Target.prepare`: an image with the environment in it, and its Python."""
        plan = docker_build.plan(self._options, environment)
        try:
            self._image = docker_build.have(self._engine, plan, self._options, report)
            self._python = docker_image.python_of(self._engine, self._image, plan.python)
            return self._python.path
        except BaseException:
            self._engine.close()
            raise

    def left_behind(self, task: str, content: str) -> StepSpec | None:
        """See :meth:`Target.left_behind`: a container that runs, or has done its work."""
        self._labels = {docker_left.TASK: task, docker_left.CONTENT: content}
        found = docker_left.find(self._engine, task, content)
        if found is None:
            return None
        self._container, self._room = found.container, found.room
        return found.spec

    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        """See :meth:`Target.run`. The container is gone afterwards."""
        self._thread = threading.get_ident()
        self._lines = Lines(on_line)
        if self._stopped and self._container is None:
            return _CANCELED
        try:
            try:
                if self._container is None:
                    self._create(spec)
                return self._supervised(spec, credentials)
            finally:
                self._end()
        except EngineError as error:
            return self._failed("infrastructure", error.message)

    # -- the container

    @cached_property
    def _sees_files(self) -> bool:
        shared = self._options.shared_files
        other = docker_container.is_other_user(self._options)
        if shared is None and not other and self._engine.may_share_files and self._image is not None:
            shared = docker_image.shares_files(self._engine, self._image)
        return bool(shared)

    def _create(self, spec: StepSpec) -> None:
        if self._image is None or self._python is None:
            raise RunConfigurationException("The step's image was not prepared. Call prepare() before run().")
        user = docker_container.User(self._options, self._image.user, sees_files=self._sees_files)
        asked, notes = docker_container.limits(self._options, self._docker, self._size, self._machine)
        for note in notes:
            self._lines.note(note)
        remote = drivers.protocols(spec.datastores.values(), str(spec.workspace.get("root")))
        packages = inside.packages(drivers.drivers(self._python, remote, self._lines.note))
        name = _name(spec)
        mounts = self._mounts(spec, packages)
        if self._sees_files and user.is_workers:
            self._room = Room(self._engine, name)
            mounts = [*self._room.furnish(spec, mounts), *mounts]
        with self._engine.told(f"cannot make a container of {self._image.name}"):
            self._container = self._engine.client.create_container(
                self._image.id,
                entrypoint=inside.command(spec.interpreter, packages, [place.inside for place in mounts]),
                command=[],
                name=name,
                user=user.name,
                environment=docker_container.variables(self._options, user, asked),
                working_dir="/",
                stdin_open=True,
                detach=True,  # or standard input would end with the first connection that brings something
                labels={**self._options.labels, **docker_left.labels(spec), **self._labels},
                host_config=docker_container.host_config(
                    self._engine.client, self._options, asked, mounts, user.groups()
                ),
            )["Id"]
        self._is_new = True
        carried = None if self._sees_files else Carried(spec)
        self._files = Files(self._engine, str(self._container), spec, carried, packages, self._room)
        self._files.put_in(user.owner)

    def _mounts(self, spec: StepSpec, packages: Mapping[str, str]) -> list[Place]:
        """What the container sees of this machine."""
        if not self._sees_files:
            return []
        assert self._image is not None and self._python is not None
        shared = places(spec)
        for place in shared:
            os.makedirs(place.path, exist_ok=True)
        code = docker_bytecode.bytecode(self._engine, self._image, self._python.path, packages)
        read = {**packages, **({inside.BYTECODE: code} if code else {})}
        return [*shared, *(Place(source, True, target) for target, source in read.items())]

    def _machine(self) -> Mapping[str, Any]:
        with self._engine.told("does not say what it has"):
            answer: Mapping[str, Any] = self._engine.client.info()
            return answer

    def _supervised(self, spec: StepSpec, credentials: Mapping[str, Any]) -> StepResult:
        assert self._container is not None
        if self._is_new or self._state()["Status"] == "created":
            if self._stopped:
                return _CANCELED
            self._output = self._attached()
            refusal = self._start()
            if refusal is not None:
                return refusal
        else:  # it was left behind: from its first line
            self._files = Files.of_left_behind(self._engine, self._container, spec)
            self._output = self._logged()
        self._hand_over(credentials)
        if self._stopped:  # while it was being started
            self.stop()
        self._follow()
        result = self._result()
        assert self._files is not None
        self._files.bring_back(result)
        return result

    def _start(self) -> StepResult | None:
        try:
            with self._engine.told("cannot start the container"):
                self._engine.client.start(self._container)
        except EngineError as error:
            if error.status is None:
                raise
            return self._failed("environment", error.message)
        return None

    def _hand_over(self, credentials: Mapping[str, Any]) -> None:
        """Credentials through standard input. A container that was left behind may have them: it passes over a second
        line."""
        line = json.dumps(dict(credentials)).encode() + b"\n"
        with self._engine.told("does not take credentials"):
            stream = self._engine.client.attach_socket(self._container, params={"stdin": 1, "stream": 1})
            connection = getattr(stream, "_sock", stream)
            try:
                connection.sendall(line)
            finally:
                stream.close()
                connection.close()
        self._handed_over = True

    # -- following it

    def _attached(self) -> Output:
        """The output from now on; a container that has not started yet loses none of it."""
        if self._engine.is_encrypted:  # bytes that TLS has taken in already would be waited for
            return self._logged()
        with self._engine.told("does not give output"):
            return Output(self._engine.another().attach(self._container, stdout=True, stderr=True, stream=True))

    def _logged(self) -> Output:
        """The output as the engine has kept it, then as it comes."""
        client, container = self._engine.another(), self._container
        with self._engine.told("does not give output"):
            return Output(client.logs(container, stdout=True, stderr=True, stream=True, follow=True))

    def _follow(self) -> None:
        """Hand the output on until the container has ended."""
        heard = time.monotonic()
        while True:
            piece = self._pass_on(1.0)
            self._look_around()
            if piece or (piece is None and time.monotonic() - heard < _SILENCE):
                heard = time.monotonic() if piece else heard
            elif not self._runs():
                self._lines.feed(b"", final=True)
                return
            elif piece is None:
                heard = time.monotonic()
            else:  # the stream has ended and the container has not
                time.sleep(1.0)
                self._reconnect()

    def _look_around(self) -> None:
        if self._files is not None and time.monotonic() - self._looked > _LOOK:
            try:
                self._files.refresh()
            except EngineError:
                pass  # nothing is there yet, or the engine is away for a moment: the next look, or the end
            self._looked = time.monotonic()

    def _pass_on(self, seconds: float) -> bytes | None:
        assert self._output is not None
        piece = self._output.take(seconds)
        if piece:
            known = min(self._known, len(piece))
            self._known -= known
            self._taken += len(piece) - known
            self._lines.feed(piece[known:])
        return piece

    def _reconnect(self) -> None:
        """Once more from its first byte, passing over those that were handed on before."""
        assert self._output is not None
        self._output.close()
        self._known = self._taken
        self._output = self._logged()

    def _runs(self) -> bool:
        """Whether the container runs; an engine that is being restarted gets time to say so."""
        end = time.monotonic() + _OUTAGE
        while True:
            try:
                return self._state()["Status"] in ("running", "paused", "restarting")
            except EngineError as error:
                if error.status == 404:
                    return False
                if error.status is not None or time.monotonic() > end:
                    raise
                time.sleep(2.0)

    def _state(self) -> Mapping[str, Any]:
        with self._engine.told("does not say how the container is"):
            state: Mapping[str, Any] = self._engine.client.inspect_container(self._container)["State"]
            return state

    # -- its end

    def stop(self) -> None:
        """See :meth:`Target.stop`."""
        self._stopped = True
        if self._container is None:
            return
        client = self._engine.another()
        end = time.monotonic() + _PATIENCE
        # A first process is deaf to a signal until it has said that it wants it: so it is told more than once.
        while self._handed_over and time.monotonic() < end and docker_left.signal(client, self._container, "SIGTERM"):
            self._wait(1.0)
        docker_left.signal(client, self._container, "SIGKILL")

    def _wait(self, seconds: float) -> None:
        """Pass time; when nobody else takes the output, it is taken here, or the runner would wait."""
        end = time.monotonic() + seconds
        is_open = threading.get_ident() == self._thread and self._output is not None
        while is_open and time.monotonic() < end:
            piece = self._pass_on(0.05)
            is_open = piece is None or bool(piece)
        if not is_open:
            time.sleep(0.05)

    def _result(self) -> StepResult:
        assert self._files is not None
        data = self._files.answer()
        if data is not None:
            return StepResult.from_json(json.loads(data.decode("utf-8", "surrogatepass")))
        return _CANCELED if self._stopped else self._no_answer()

    def _no_answer(self) -> StepResult:
        try:
            state = self._state()
        except EngineError as error:
            return self._failed("infrastructure", f"The step's container was removed by somebody: {error.message}")
        if state.get("OOMKilled"):
            how = "was killed because it wanted more memory than it may have"
        else:
            how = f"ended with exit code {state.get('ExitCode')} {state.get('Error') or ''}".rstrip()
        return self._failed("infrastructure", f"The step's container {how}, and left no result.")

    def _failed(self, category: str, message: str) -> StepResult:
        error = {"category": category, "message": message}
        last = "\n".join(self._lines.last)
        return StepResult("Failed", error={**error, "tail": last} if last else error)

    def _end(self) -> None:
        """Nothing of it stays: neither the container nor what reads from it."""
        if self._output is not None:
            self._output.close()
            self._output = None
        if self._container is not None:
            docker_left.remove(self._engine, self._container)
        if self._room is not None:
            self._room.clear()
        self._engine.close()


_CANCELED = StepResult("Canceled", error={"category": "user", "message": "The step was cancelled."})


def _name(spec: StepSpec) -> str:
    """A name that tells a person which step this is. What finds a container are its labels."""
    step = re.sub(r"[^A-Za-z0-9_.-]+", "-", spec.step_name).strip("-.")[:40] or "step"
    return f"mlsteps-{step}-{spec.run_id[:8]}-{uuid.uuid4().hex[:6]}"
