"""What a request for an object can end with."""

from __future__ import annotations


class RequestFailed(OSError):
    """A request that was refused, or that nobody answered; ``status`` is the service's, 0 for none."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Unanswered(RequestFailed, ConnectionError):
    """The connection failed."""
