"""Try again what failed for a passing reason: resets, timeouts, throttling."""

from __future__ import annotations

import errno
import random
import time
import urllib.error
from typing import Any, Callable, Iterator, TypeVar

T = TypeVar("T")

ATTEMPTS = 5
_PASSING = {errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ETIMEDOUT, errno.ECONNRESET, errno.EPIPE, errno.ESTALE}
_STATUS = {408, 425, 429, 500, 502, 503, 504}

# Classes of the drivers and their HTTP libraries, by name: none of them is imported here.
_NAMES = {
    "ClientConnectionError", "ClientOSError", "ClientPayloadError", "ConnectTimeoutError", "ConnectionClosedError",
    "EndpointConnectionError", "IncompleteRead", "IncompleteReadError", "ProtocolError", "ReadTimeoutError",
    "RemoteDisconnected", "ResponseStreamingError", "ServerDisconnectedError", "ServerTimeoutError",
    "ServiceRequestError", "ServiceResponseError", "SlowDown", "FSTimeoutError",
}  # fmt: skip


def with_retries(work: Callable[[], T], *, attempts: int = ATTEMPTS, sleep: Callable[[float], Any] = time.sleep) -> T:
    """The answer of ``work``, which is called again after a passing error, at most ``attempts`` times in all.

    Waits 0.2, 0.4, 0.8 ... seconds with some chance in it, or as long as the server asked (at most 30 s).
    """
    for attempt in range(1, attempts):
        try:
            return work()
        except Exception as error:
            if not is_passing(error):
                raise
            sleep(_pause(error, attempt))
    return work()


def is_passing(error: BaseException) -> bool:
    """Whether the same call may well succeed in a moment."""
    return any(_passes(cause) for cause in _chain(error))


def _passes(error: BaseException) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code in _STATUS
    if isinstance(error, (ConnectionError, TimeoutError)) or type(error).__name__ in _NAMES:
        return True
    if isinstance(error, OSError) and error.errno in _PASSING:
        return True
    return any(getattr(error, name, None) in _STATUS for name in ("status", "status_code", "code"))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _pause(error: BaseException, attempt: int) -> float:
    for cause in _chain(error):
        headers: Any = getattr(cause, "headers", None) or getattr(getattr(cause, "response", None), "headers", None)
        wanted = str(headers.get("Retry-After") or "") if hasattr(headers, "get") else ""
        if wanted.isdigit():
            return min(30.0, float(wanted))
    return float(0.2 * 2 ** (attempt - 1) * random.uniform(0.7, 1.3))
