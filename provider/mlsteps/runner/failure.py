"""Why an attempt ended without success."""

from __future__ import annotations

from mlsteps.errors import AzureMLException

#: What a failure is about; who reads it first knows whose turn it is.
CATEGORIES = ("user", "input", "output", "environment", "infrastructure")


class StepFailure(AzureMLException):
    """The attempt has failed.

    :param category: one of :data:`CATEGORIES`: ``user`` is the script itself, ``input`` data that is not there,
        ``output`` something that could not be committed, ``environment`` the interpreter, ``infrastructure`` the rest.
    :param tail: the last lines of the script's output.
    """

    def __init__(self, category: str, message: str, tail: str = "") -> None:
        super().__init__(message)
        self.category = category
        self.tail = tail


class Canceled(Exception):
    """Whoever started the runner wants it to stop."""
