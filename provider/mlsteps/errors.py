"""Every error mlsteps raises.

    AzureMLException                     the SDK's base; ``.message``, ``.inner_exception``
      UserErrorException                 wrong input; ``AuthenticationException``, ``DatasetValidationError`` and
                                         ``DatasetExecutionError`` below it
        ErrorResponseException           what was asked for by name or id is not there; also an HttpOperationError
        InvalidInput                     ours: says what was given, what was expected and how to mend it
        GraphError                       ours: every fault of a pipeline at once, each with its path
        UnsupportedFeature               ours: names the feature, why, and the alternative
      ComputeTargetException, WorkspaceException, ExperimentExecutionException, ActivityFailedException,
      RunConfigurationException, RunEnvironmentException, SnapshotException, TrainingException,
      ProjectSystemException, ModelNotFoundException, ModelPathNotFoundException, WebserviceException,
      ServiceException, DatasetTimestampMissingError, ParallelRunException, DiscoveryUrlNotFoundException
      StoreError                         ours: a store refused or broke
      CommitError                        ours: an output could not be committed whole

The SDK's names and constructor follow ``azureml.exceptions`` (azureml-core 1.61). Runs inside steps: standard library
only, Python 3.7.
"""

from __future__ import annotations

import functools
import sys
from typing import Any, Iterable, NamedTuple


class AzureMLException(Exception):
    """Base of all errors; ``exception_message`` is what a person reads. The rest is kept for SDK code that raises."""

    def __init__(
        self,
        exception_message: str,
        inner_exception: BaseException | None = None,
        target: Any = None,
        details: Any = None,
        message_format: str | None = None,
        message_parameters: Any = None,
        reference_code: str | None = None,
        **kwargs: Any,
    ) -> None:
        Exception.__init__(self, exception_message)  # an error of another library may be a base too: see not_found()
        self._exception_message = exception_message
        self._inner_exception = inner_exception
        self._details = {
            "target": target,
            "details": details,
            "message_format": message_format,
            "message_parameters": message_parameters,
            "reference_code": reference_code,
            **kwargs,
        }

    @property
    def message(self) -> str:
        """The message given at construction."""
        return self._exception_message

    @message.setter
    def message(self, value: str) -> None:
        self._exception_message = value
        self.args = (value,)

    @property
    def inner_exception(self) -> BaseException | None:
        """The error that caused this one, if any."""
        return self._inner_exception

    def print_stacktrace(self) -> None:
        """Print the traceback of the error that caused this one, else its own."""
        import traceback  # costs more than all of this module, and few ask

        cause = self._inner_exception or self
        traceback.print_exception(type(cause), cause, cause.__traceback__)


class _Plain(AzureMLException):
    """An error that takes a text, and by keyword what :class:`AzureMLException` takes."""

    def __init__(self, exception_message: str, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)


class UserErrorException(_Plain):
    """The caller gave something that cannot work."""


class HttpOperationError(_Plain):
    """Stands for the error of that name in ``msrest``, which the SDK brings and scripts catch."""

    #: No request was made.
    response = None
    error = None


class ErrorResponseException(UserErrorException, HttpOperationError):
    """What was asked for by its name or id is not there; the SDK's services answer with this. Made by `not_found`."""


def not_found(message: str) -> ErrorResponseException:
    """The error for a datastore, endpoint or the like that is not there.

    Of releases of the SDK some raise ``UserErrorException``, others ``msrest.exceptions.HttpOperationError``. Code
    catches either, so it is both; of the real ``msrest`` when that is loaded.
    """
    theirs = getattr(sys.modules.get("msrest.exceptions"), "HttpOperationError", HttpOperationError)
    if theirs is HttpOperationError:
        return ErrorResponseException(message)
    return _of_both(theirs)(message)


@functools.lru_cache(maxsize=None)
def _of_both(theirs: type) -> type[ErrorResponseException]:
    return type("ErrorResponseException", (ErrorResponseException, theirs), {"__module__": __name__})


class AuthenticationException(UserErrorException):
    """Credentials are missing or refused."""


class ComputeTargetException(_Plain):
    """A compute target does not exist or cannot be used."""


class WorkspaceException(AzureMLException):
    """A workspace does not exist, or exists more than once (``found_multiple``)."""

    def __init__(self, exception_message: str, found_multiple: bool = False, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.found_multiple = found_multiple


class ExperimentExecutionException(_Plain):
    """A run could not be started or followed."""


class ActivityFailedException(AzureMLException):
    """A run that was waited for has failed; ``error_details`` holds what is known."""

    def __init__(self, exception_message: str = "", error_details: Any = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.error_details = error_details if error_details is not None else exception_message


class RunConfigurationException(_Plain):
    """A run configuration contradicts itself."""


class RunEnvironmentException(AzureMLException):
    """``Run.get_context(allow_offline=False)`` outside a run."""


class SnapshotException(_Plain):
    """A source directory cannot be taken into a snapshot."""


class TrainingException(_Plain):
    """A training configuration is wrong."""


class ProjectSystemException(_Plain):
    """A project folder is wrong."""


class ModelNotFoundException(AzureMLException):
    """No such model or model path."""

    def __init__(self, exception_message: str, logger: Any = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)


class ModelPathNotFoundException(AzureMLException):
    """A model's path is not among the run's artifacts or on this machine."""

    def __init__(self, exception_message: str, logger: Any = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)


class WebserviceException(AzureMLException):
    """What the SDK raises for a model that is not there; ``status_code`` as over HTTP."""

    def __init__(
        self, exception_message: str, status_code: int | None = None, logger: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(exception_message, **kwargs)
        self.status_code = status_code


class ServiceException(AzureMLException):
    """A service answered with an error; ``details`` and ``status_code`` are those of the answer, where it had any."""

    def __init__(self, error_response_exception: Any, **kwargs: Any) -> None:
        super().__init__(str(error_response_exception), **kwargs)
        self.details = getattr(error_response_exception, "details", None)
        self.status_code = getattr(error_response_exception, "status_code", None)


class DatasetTimestampMissingError(AzureMLException):
    """A time filter on a dataset without timestamp columns."""

    def __init__(self, error_details: str, **kwargs: Any) -> None:
        super().__init__(error_details, **kwargs)


class ParallelRunException(AzureMLException):
    """A ParallelRunStep could not go on; ``delay_seconds`` says when another try may help."""

    def __init__(self, exception_message: str, code: Any = None, delay_seconds: float = 0, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.code = code
        self.delay_seconds = delay_seconds


class DiscoveryUrlNotFoundException(AzureMLException):
    """Kept for ``except`` clauses of SDK code."""

    def __init__(self, discovery_key: str, **kwargs: Any) -> None:
        super().__init__(f"Nothing is known of {discovery_key!r}.", **kwargs)


class _DatasetError(UserErrorException):
    """Base of what datasets raise; the SDK's codes are None here."""

    error_code: Any = None
    validation_error_code: Any = None
    compliant_message: Any = None

    def __init__(self, message: str, exception: BaseException | None = None) -> None:
        super().__init__(message, inner_exception=exception)


class DatasetValidationError(_DatasetError):
    """A dataset's definition does not fit the data."""


class DatasetExecutionError(_DatasetError):
    """A dataset could not be read."""


class InvalidInput(UserErrorException, ValueError):
    """A value that cannot work; also a ``ValueError``, as in the SDK.

    :param what: what is wrong, naming the thing and the value given.
    :param expected: what would have been right.
    :param mend: what to do about it.
    """

    def __init__(self, what: str, *, expected: str = "", mend: str = "") -> None:
        parts = [what if what.endswith((".", "!", "?")) else what + "."]
        if expected:
            parts.append("Expected " + expected.rstrip(".") + ".")
        if mend:
            parts.append("To mend it: " + mend.rstrip(".") + ".")
        super().__init__(" ".join(parts))


class UnsupportedFeature(UserErrorException, NotImplementedError):
    """A part of the SDK that mlsteps does not have, met when used.

    :param feature: the SDK's name for it.
    :param reason: why it is not there.
    :param alternative: what to use in its place.
    """

    def __init__(self, feature: str, reason: str = "", alternative: str = "") -> None:
        text = f"{feature} is not supported by mlsteps"
        text += f": {reason}." if reason else "."
        if alternative:
            text += f" Use {alternative} instead."
        super().__init__(text)
        self.feature = feature
        self.reason = reason
        self.alternative = alternative


class Fault(NamedTuple):
    """One thing wrong with a pipeline: where (``$.steps[2].arguments[5]``), what, and how to mend it."""

    path: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" + (f" To mend it: {self.mend}." if self.mend else "")


class GraphError(UserErrorException, ValueError):
    """All faults of a pipeline together."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        noun = "fault" if len(self.faults) == 1 else "faults"
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"The pipeline has {len(self.faults)} {noun}:\n{lines}")


class StoreError(AzureMLException):
    """A store refused or broke; names the store and the path."""


class CommitError(AzureMLException):
    """An output could not be committed whole; nothing of it counts."""
