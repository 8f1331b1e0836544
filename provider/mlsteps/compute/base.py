"""The contract between an operator and the place where its step runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from mlsteps.contracts.spec import StepResult, StepSpec


class Target(ABC):
    """One place for one attempt at one step."""

    @abstractmethod
    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        """Run the step to its end.

        :param credentials: ``{"datastores": {name: {...}}, "workspace": {...}}``; they reach the runner by a way that
            leaves no trace in files, arguments or logs.
        :param on_line: called with each line of output as it comes, without its end.
        :returns: what came of it, always: a runner that dies without an answer is a result ``Failed`` with category
            ``infrastructure``.
        """

    @abstractmethod
    def stop(self) -> None:
        """End the step and every process it started; :meth:`run` then returns.

        May be called from a signal handler that interrupted :meth:`run`, from another thread, more than once, and
        before or after :meth:`run`.
        """
