"""When to stop: standard input has closed, or a signal came."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from typing import Callable

from mlsteps.runner.failure import Canceled

#: Seconds that a piece of work may take after a request; what it leaves behind unfinished never counts.
PATIENCE = 3.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Cancel:
    """A request to stop, which may come at any moment.

    The main thread asks with :meth:`check` between pieces of work and selects on :attr:`fd` while a script runs. When
    it does not end in time (a transfer that hangs), ``last_resort`` is called from the watching thread and must not
    return.
    """

    def __init__(self, last_resort: Callable[[], None]) -> None:
        self._last_resort = last_resort
        self.allow(PATIENCE)
        self._requested = threading.Event()
        self._over = threading.Event()
        self.fd, self._announce = os.pipe()
        self._signals, signalled = os.pipe()
        os.set_blocking(signalled, False)
        for number in _SIGNALS:
            signal.signal(number, _ignore)
        # The wake-up descriptor is written at once, also while the main thread is inside a long system call.
        signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)

    @property
    def requested(self) -> bool:
        """Whether the runner shall stop."""
        return self._requested.is_set()

    def check(self) -> None:
        """Raise :class:`Canceled` when the runner shall stop."""
        if self.requested:
            raise Canceled()

    def allow(self, seconds: float = PATIENCE) -> None:
        """From now on, or from the request if that is still to come, the work may take so long to end."""
        self._patience = seconds
        self._since = time.monotonic()

    def request(self) -> None:
        """Ask the runner to stop."""
        self._since = time.monotonic()
        self._requested.set()
        os.write(self._announce, b"x")

    def watch(self, stdin: int) -> None:
        """Start to watch; call it in the main thread, once the credentials have been read from ``stdin``."""
        threading.Thread(target=self._watch, args=(stdin,), name="mlsteps-cancel", daemon=True).start()

    def over(self) -> None:
        """The work has ended; there is nothing left to stop."""
        self._over.set()

    def _watch(self, stdin: int) -> None:
        while True:
            ready, _, _ = select.select([stdin, self._signals], [], [])
            if self._signals in ready and _came(os.read(self._signals, 64)):
                break
            if stdin in ready and not os.read(stdin, 4096):
                break
        self.request()
        while not self._over.wait(0.1):
            if time.monotonic() - self._since > self._patience:
                self._last_resort()


def _came(numbers: bytes) -> bool:
    return any(number in numbers for number in map(int, _SIGNALS))


def _ignore(number: int, frame: object) -> None:
    """A handler has to be there for the wake-up descriptor to be written."""
