"""Pods whose task has left its worker: another target, as another process would make it, collects them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

from mlsteps.compute.base import Target
from mlsteps.compute.choose import choose
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.triggers.pod import PodTrigger
from tests.components.kubernetes_place import KubernetesPlace


class DeferredPlace(KubernetesPlace):
    """Steps in pods that a trigger waits for."""

    def __init__(self, steps: Any, **options: Any) -> None:
        super().__init__(steps, deferrable=True, poll_seconds=0.2, **options)

    def target(self) -> Target:
        return Leaving(super().target(), lambda: choose(self.steps.ws, None, {}), self.steps.ws.root)


class Leaving(Target):
    """One target begins, the trigger waits, another one collects.

    :param first: begins; :param another: makes the one that collects.
    """

    def __init__(self, first: Target, another: Callable[[], Target], root: str) -> None:
        self._now, self._another, self._root = first, another, root
        self._stopped = threading.Event()

    def prepare(self, environment: Mapping[str, Any] | None, report: Callable[[str], None]) -> str:
        return self._now.prepare(environment, report)

    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        begun = self._now.begin(spec, credentials, on_line=on_line)
        if isinstance(begun, StepResult):
            return begun
        if self._stopped.is_set():  # as the operator does it: in the last moment before it leaves
            return self._now.run(spec, credentials, on_line=on_line)
        asyncio.run(self._waited(begun, spec))
        self._now = self._another()
        found = self._now.resume(begun, on_line=on_line)
        if isinstance(found, StepResult):
            return found
        if self._stopped.is_set():
            self._now.stop()
        return self._now.run(found, credentials, on_line=on_line)

    def stop(self) -> None:
        self._stopped.set()
        self._now.stop()

    async def _waited(self, begun: dict[str, Any], spec: StepSpec) -> None:
        """The trigger's event, or that somebody stops the step."""
        trigger = PodTrigger(**PodTrigger(begun, watched(spec, self._root)).serialize()[1])
        waiting = asyncio.ensure_future(anext(aiter(trigger.run())))
        while not waiting.done() and not self._stopped.is_set():
            await asyncio.wait([waiting], timeout=0.1)
        if waiting.done():
            assert waiting.result().payload["state"] == "ended"
        waiting.cancel()


def watched(spec: StepSpec, root: str) -> dict[str, Any]:
    """What a trigger looks at, for a step whose pipeline nobody stops."""
    return {
        "workspace": {"root": root},
        "run_id": spec.run_id,
        "pipeline_run_id": spec.pipeline_run_id,
        "step": spec.step_name,
        "run_started": 0.0,
        "clear_number": 0,
        "go_on": True,
        "fingerprint": "",
        "lease": None,
    }
