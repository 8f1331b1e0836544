"""The contract between an operator and the place where its step runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mlsteps.contracts.spec import StepResult, StepSpec

Report = Callable[[str], None]


class Target(ABC):
    """One place for one attempt at one step: :meth:`prepare`, perhaps :meth:`left_behind`, then :meth:`run`."""

    #: How often a step runs again, within one try of its task, because what it ran on was taken away.
    lost_tries = 0
    #: Whether there are :meth:`begin` and :meth:`resume`: a step goes on by itself and keeps its result.
    can_defer = False
    #: Whether the target's options want that; None: they leave it to Airflow's configuration.
    deferrable: bool | None = None

    @abstractmethod
    def prepare(self, environment: Mapping[str, Any] | None, report: Report) -> str:
        """Make the step's environment ready; answers its Python, as a path or name that holds where the step runs.

        :param environment: an Environment document; None and ``{}`` for one without packages.
        :param report: called with one line for each thing a person should know; never with a credential.
        :raises InvalidInput: for something in the document that cannot be had here.
        :raises RunConfigurationException: when the environment cannot be made.
        """

    def left_behind(self, task: str, content: str) -> StepSpec | None:
        """What an earlier try of this task started and was killed before it could collect; its spec, or None.

        Where steps end with their worker, as on the worker itself, there is never anything. Elsewhere a step goes on
        without its worker, and :meth:`run` with the spec that this answers collects it: the script runs once. What is
        found but of no use any more is removed.

        :param task: the task that this target is for; the same for each try.
        :param content: identity of what it would run; one that differs is of no use.
        """
        return None

    def ready(self) -> AbstractContextManager[None]:
        """Around :meth:`prepare` and :meth:`run`, entered from the main thread before there are others.

        It begins what takes time and needs no spec, and ends that when there was no :meth:`run`.
        """
        return nullcontext()

    @abstractmethod
    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        """Run the step to its end.

        :param credentials: ``{"datastores": {name: {...}}, "workspace": {...}}``; they reach the runner by a way that
            leaves no trace in files, arguments or logs.
        :param on_line: called with each line of output as it comes, without its end.
        :returns: what came of it, always: a runner that dies without an answer is a result ``Failed`` with category
            ``infrastructure``.
        """

    def begin(
        self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]
    ) -> StepResult | dict[str, Any]:
        """Start the step and let go of it, so that this process may end; in place of :meth:`run`.

        :returns: JSON data by which a trigger waits for its end and :meth:`resume` finds it; or the step's result,
            where it did not come to a start. While this process lives :meth:`run` may still be called: it collects.
        """
        raise NotImplementedError(f"{type(self).__name__} starts no step that goes on by itself")

    def resume(self, begun: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepSpec | StepResult:
        """Take up what :meth:`begin` started in another process; :meth:`run` with the spec answered here collects it.

        :returns: its result at once, where nothing is left to collect.
        """
        raise NotImplementedError(f"{type(self).__name__} starts no step that goes on by itself")

    @abstractmethod
    def stop(self) -> None:
        """End the step and every process it started; :meth:`run` then returns.

        May be called from a signal handler that interrupted :meth:`run`, from another thread, more than once, and
        before or after :meth:`run`.
        """
