"""One job on a service, as :mod:`.target` sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple


class State(NamedTuple):
    """What a service says of a job.

    :param text: shown in the task's log when it changes; :param ended: whether it is over.
    :param error: why it failed; "" when it did not. :param canceled: somebody stopped it over there.
    """

    text: str
    ended: bool = False
    error: str = ""
    canceled: bool = False


class Job(ABC):
    """What is to be done, and the service that does it. Errors of the service are ``AirflowException``."""

    @abstractmethod
    def start(self, key: str) -> str:
        """Start the job; its id.

        :param key: at most 64 characters, the same when this try is made again after it was killed: the service, or a
            look at what runs there, must not start a second job for it.
        """

    @abstractmethod
    def look(self, job_id: str) -> State:
        """How the job is."""

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """Stop the job; one that is over is fine."""

    def said(self, job_id: str) -> str:
        """The end of what the job printed, as far as the service keeps it."""
        return ""
