"""A step in a pod: the runner enters the image as it is, and a pod outlives a worker that is killed.

Airflow's ``KubernetesHook`` and ``PodManager`` make the clients and ask after pods. What a pod is told, and what it
answers, goes through the API's ``exec`` to its first process (:mod:`.keeper`): neither secrets nor sidecars are made
for it. It stays when the worker goes, and the next try of its task finds it by its labels and collects it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from mlsteps.compute import (
    inside,
    kubernetes_begun,
    kubernetes_image,
    kubernetes_left,
    kubernetes_pod,
    kubernetes_status,
)
from mlsteps.compute.asked import asked_for
from mlsteps.compute.base import Report, Target
from mlsteps.compute.carried import Carried
from mlsteps.compute.files import Files, carried_of
from mlsteps.compute.kubernetes_cluster import Cluster, ClusterError
from mlsteps.compute.kubernetes_exec import Talk
from mlsteps.compute.kubernetes_output import Log
from mlsteps.compute.kubernetes_result import CANCELED, failed, with_memory
from mlsteps.compute.kubernetes_said import Said
from mlsteps.compute.kubernetes_start import Unstarted, started, with_template
from mlsteps.compute.kubernetes_status import GONE, Trouble
from mlsteps.compute.lines import Lines
from mlsteps.compute.placement import KubernetesOptions
from mlsteps.compute.vm_sizes import Resources
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.environments import drivers
from mlsteps.errors import RunConfigurationException, UserErrorException

#: Seconds in which a runner that was asked to stop has to end, and seconds that a pod has which is deleted with it.
_PATIENCE, _GRACE = 40.0, 15
#: Seconds of silence after which the cluster is asked how the pod is.
_SILENCE = 20.0
#: Seconds between two looks at what a step says of its run.
_LOOK = 5.0
#: Seconds between attempts to fetch what a step has made.
_PAUSES = (1.0, 5.0, 20.0)
#: Seconds in which an API that does not answer has to come back.
_OUTAGE = 300.0
#: Seconds that a step is kept which nobody waits for: by a worker that was lost, or on purpose.
_KEPT, _KEPT_DEFERRED = 3600.0, 86400.0

_Said = TypeVar("_Said")


class _Nobody(Exception):
    """There is nobody to talk to any more."""


class KubernetesTarget(Target):
    """One pod for one attempt.

    :param size: what the compute target's VM size has, or None.
    :param docker: the ``docker`` section of the step's run configuration.
    """

    can_defer = True

    def __init__(
        self, options: KubernetesOptions, *, size: Resources | None = None, docker: Mapping[str, Any] | None = None
    ) -> None:
        self.lost_tries, self.deferrable = options.lost_tries, options.deferrable
        self._kept, self._is_let_go = _KEPT, False
        self._options = options
        self._size = size
        self._docker = docker or {}
        self._cluster = Cluster(options)
        self._image: kubernetes_image.Image | None = None
        self._labels: dict[str, str] = {}
        self._pod: str | None = None
        self._said = Said()
        self._python = "python"
        self._files: Files | None = None
        self._lines = Lines(lambda line: None)
        self._is_told = self._has_ended = False
        self._stopped: float | None = None
        self._looked = time.monotonic()

    def prepare(self, environment: Mapping[str, Any] | None, report: Report) -> str:
        """See :meth:`Target.prepare`: an image with the environment in it, and its Python."""
        self._image = kubernetes_image.have(self._options, environment, report)
        self._python = self._image.python
        return self._python

    def left_behind(self, task: str, content: str) -> StepSpec | None:
        """See :meth:`Target.left_behind`: a pod that runs, or has done its work."""
        self._labels = kubernetes_left.labels(task, content)
        found = kubernetes_left.find(self._cluster, task, content)
        if found is None:
            return None
        self._pod, self._python, self._is_told = found.name, found.python, True
        return found.spec

    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        """See :meth:`Target.run`. The pod is gone afterwards."""
        self._lines, self._is_let_go = Lines(on_line), False
        try:
            if self._is_told:
                self._take_up(spec)
            elif self._stopped is None:
                refusal = self._begin(spec, credentials)
                if refusal is not None:
                    return refusal
            return self._finish() if self._is_told else CANCELED
        except ClusterError as error:
            return self._failed(Trouble("infrastructure", error.message))
        finally:
            self._end()

    def begin(
        self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]
    ) -> StepResult | dict[str, Any]:
        """See :meth:`Target.begin`: the pod has all that it needs, and waits to be collected when it has ended."""
        self._lines, self._kept, begun = Lines(on_line), _KEPT_DEFERRED, None
        try:
            if self._pod is None:
                refusal = self._begin(spec, credentials) if self._stopped is None else CANCELED
                if refusal is not None:
                    return refusal
            begun = kubernetes_begun.begun(self._options, self._cluster, str(self._pod), self._python)
            self._is_let_go = self._stopped is None
            return begun
        except ClusterError as error:
            return self._failed(Trouble("infrastructure", error.message))
        finally:
            if begun is None:
                self._end()

    def resume(self, begun: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepSpec | StepResult:
        """See :meth:`Target.resume`."""
        self._lines = Lines(on_line)
        self._pod, self._python, self._is_told = begun["pod"], begun["python"], True
        self._said = Said(*begun.get("said") or ())
        try:
            return self._asked(lambda: kubernetes_begun.spec_in(self._cluster, begun))
        except _Nobody:
            kubernetes_begun.last_words(self._cluster, self._pod, self._lines, self._said)
            result = self._no_answer()
            self._end()
            return result

    # -- its beginning

    def _take_up(self, spec: StepSpec) -> None:
        """What runs already, whoever began it."""
        if self._files is None:
            with self._talk() as talk:
                self._files = Files.of_left_behind(talk, spec)

    def _begin(self, spec: StepSpec, credentials: Mapping[str, Any]) -> StepResult | None:
        """Bring up the pod and tell it what to run; a result when that does not come about."""
        if self._image is None:
            raise RunConfigurationException("The step's image was not prepared. Call prepare() before run().")
        try:
            carried = carried_of(spec, self._options.carry)
        except UserErrorException as error:
            return self._failed(Trouble("input", error.message))
        for note in asked_for(self._docker)[1]:
            self._lines.note(note)
        try:
            for python in ("python", "python3") if self._python == "python" else (self._python,):
                self._python = python
                trouble = self._up(spec, tuple(carried.roots) if carried else ())
                if trouble is None or not trouble.no_program:
                    break
        except Unstarted:
            return CANCELED
        if trouble is not None:
            return self._failed(kubernetes_image.told(trouble, self._image.name, self._python))
        return self._tell(spec, carried, credentials)

    def _up(self, spec: StepSpec, roots: tuple[str, ...]) -> Trouble | None:
        """A pod that waits to be told; or why there is none, and then it is gone."""
        if self._pod is not None:
            self._cluster.delete(self._pod, 0)
        document = self._document(spec, roots)
        self._cluster.create(document)
        self._pod = document["metadata"]["name"]
        return self._started(self._pod)

    def _document(self, spec: StepSpec, roots: tuple[str, ...]) -> dict[str, Any]:
        """A pod under a new name."""
        assert self._image is not None
        asked = kubernetes_pod.Asked(
            spec, self._image.name, self._python, self._size, self._docker, roots, self._labels, self._kept
        )
        document = kubernetes_pod.pod(self._options, asked, kubernetes_pod.new_name(spec), self._cluster.namespace)
        return with_template(self._options, document)

    def _started(self, pod: str) -> Trouble | None:
        return started(self._cluster, pod, self._options, self._lines.note, lambda: self._stopped is not None)

    def _tell(self, spec: StepSpec, carried: Carried | None, credentials: Mapping[str, Any]) -> StepResult | None:
        """Its files, then the credentials; the runner begins."""
        with self._talk() as talk:
            python = _python(talk.ask("hello"))
            spec = replace(spec, interpreter=python.path)
            remote = drivers.protocols(spec.datastores.values(), str(spec.workspace.get("root")))
            packages = inside.packages(drivers.drivers(python, remote, self._lines.note))
            self._files = Files(spec, carried, packages)
            self._files.put_in(talk)
            if self._stopped is not None:
                return CANCELED
            talk.ask("start", pieces=[json.dumps(dict(credentials)).encode() + b"\n"])
        self._is_told = True
        if self._stopped is not None:  # meanwhile
            self._pass_on_stop()
        return None

    def _talk(self) -> Talk:
        return Talk(self._cluster, str(self._pod), self._python)

    # -- following it

    def _finish(self) -> StepResult:
        """Hand its output on until it has ended; what came of it."""
        self._looked = time.monotonic()
        log = Log(self._cluster, str(self._pod), self._lines, self._said)
        try:
            while True:
                said_so = self._follow(log)
                result = self._answered(said_so)
                if result is not None:
                    self._lines.feed(b"", final=True)
                    return result
        finally:
            log.close()

    def _follow(self, log: Log) -> bool:
        """Hand output on until it says that it has ended (True), or is found to have, or had time enough to."""
        heard = time.monotonic()
        while not self._is_out_of_patience():
            piece = log.take(1.0)
            self._look_around()
            if log.has_ended:
                return True
            if piece:
                heard = time.monotonic()
            elif log.is_broken or time.monotonic() - heard > _SILENCE:
                if not self._lives():
                    return False
                if log.is_broken:
                    time.sleep(1.0)
                    log.again()
                heard = time.monotonic()
        return False

    def _answered(self, said_so: bool) -> StepResult | None:
        """What the pod says of its end; None when it goes on, whatever its script has said."""
        try:
            return self._asked(lambda: self._answer(said_so))
        except _Nobody:
            return self._no_answer()

    def _asked(self, ask: Callable[[], _Said]) -> _Said:
        """What the pod answers, though the connection may break; :class:`_Nobody` when it runs no more."""
        for pause in (*_PAUSES, None):
            try:
                return ask()
            except ClusterError:
                if not self._lives():
                    raise _Nobody from None
                if pause is None or self._is_out_of_patience():
                    raise
                time.sleep(pause)
        raise AssertionError("the last pause is None")

    def _answer(self, said_so: bool) -> StepResult | None:
        assert self._files is not None
        with self._talk() as talk:
            state = talk.ask("look", [])
            self._has_ended = "code" in state
            if said_so and not self._has_ended:
                return None
            answer = state["answer"]
            result = None if answer is None else StepResult.from_json(answer)
            self._files.bring_back(talk, result)
        if result is None:
            return self._canceled_or(Trouble("infrastructure", kubernetes_status.no_result(state)))
        if result.status == "Canceled" and self._stopped is None:  # by whoever deletes the pod
            return self._failed(self._taken())
        return with_memory(result, state)

    def _look_around(self) -> None:
        if self._files is None or not self._files.is_told_of_late or time.monotonic() - self._looked < _LOOK:
            return
        try:
            with self._talk() as talk:
                self._files.refresh(talk)
        except ClusterError:
            pass  # it has ended, or the API is away for a moment: the next look, or the end
        self._looked = time.monotonic()

    def _lives(self) -> bool:
        """Whether the container runs; an API that is away for a while gets time to say so."""
        assert self._pod is not None
        end = time.monotonic() + _OUTAGE
        while True:
            try:
                return not kubernetes_status.is_over(self._cluster.read(self._pod))
            except ClusterError as error:
                if error.status == 404:
                    return False
                if time.monotonic() > end or self._is_out_of_patience():
                    raise
                time.sleep(2.0)

    # -- its end

    def stop(self) -> None:
        """See :meth:`Target.stop`: the step's script is told, and :meth:`run` deletes the pod."""
        if self._stopped is None:
            self._stopped = time.monotonic()
            if self._is_let_go:
                self._let_end()
            elif self._is_told:
                self._pass_on_stop()

    def _let_end(self) -> None:
        """Nobody will collect it: its script gets its time to end, and then the pod is gone."""
        try:
            self._cluster.delete(str(self._pod), kubernetes_pod.GRACE, self._cluster.another())
        except ClusterError:
            pass  # it is there until it has ended and been kept

    def _pass_on_stop(self) -> None:
        try:
            with self._talk() as talk:
                talk.ask("stop")
        except ClusterError:
            pass  # it has ended, or its pod is deleted when the time is over

    def _is_out_of_patience(self) -> bool:
        return self._stopped is not None and time.monotonic() - self._stopped > _PATIENCE

    def _no_answer(self) -> StepResult:
        try:
            trouble = kubernetes_status.ended(self._cluster.read(str(self._pod)))
        except ClusterError as error:
            if error.status != 404:
                raise
            trouble = GONE
        return self._canceled_or(trouble)

    def _taken(self) -> Trouble:
        try:
            return kubernetes_status.taken_away(self._cluster.read(str(self._pod))) or GONE
        except ClusterError:
            return GONE

    def _canceled_or(self, trouble: Trouble) -> StepResult:
        return self._failed(trouble) if self._stopped is None else CANCELED

    def _failed(self, trouble: Trouble) -> StepResult:
        return failed(trouble, self._lines.last)

    def _end(self) -> None:
        """Nothing of it stays: neither the pod nor what reads from it."""
        try:
            if self._pod is not None:
                self._remove(self._pod)
        except ClusterError as error:
            self._lines.note(f"{error.message} The pod {self._pod} may still be there.")
        finally:
            self._cluster.close()

    def _remove(self, pod: str) -> None:
        """Without further ado when its runner has ended; else with time to end, and that is waited for."""
        if self._has_ended or not self._is_told:
            self._cluster.delete(pod, 0)
            return
        self._cluster.delete(pod, _GRACE)
        end = time.monotonic() + _GRACE + 15
        while time.monotonic() < end:
            try:
                if kubernetes_status.is_over(self._cluster.read(pod)):
                    break
            except ClusterError:
                return
            time.sleep(0.5)
        self._cluster.delete(pod, 0)


def _python(said: Mapping[str, Any]) -> drivers.Python:
    return drivers.Python(said["path"], tuple(said["version"]), drivers.platform_of(said["machine"], said["libc"]))
