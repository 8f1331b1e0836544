"""Every error mlsteps raises.

    AzureMLException                     the SDK's base; ``.message``, ``.inner_exception``
      UserErrorException                 wrong input; ``AuthenticationException`` below it
        InvalidInput                     ours: says what was given, what was expected and how to mend it
        GraphError                       ours: every fault of a pipeline at once, each with its path
        UnsupportedFeature               ours: names the feature, why, and the alternative
      ComputeTargetException, WorkspaceException, ExperimentExecutionException, ActivityFailedException,
      RunConfigurationException, RunEnvironmentException, SnapshotException, TrainingException,
      ProjectSystemException, ModelNotFoundException, ModelPathNotFoundException, WebserviceException,
      ServiceException, DatasetTimestampMissingError, ParallelRunException, DiscoveryUrlNotFoundException,
      DatasetValidationError, DatasetExecutionError
      StoreError                         ours: a store refused or broke
      CommitError                        ours: an output could not be committed whole

The SDK's names and constructor follow ``azureml.exceptions`` (azureml-core 1.61). Runs inside steps: standard library
only, Python 3.8.
"""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple


class AzureMLException(Exception):
    """Base of all errors; ``exception_message`` is what a person reads."""

    def __init__(self, exception_message: str = "", inner_exception: BaseException | None = None, **kwargs: Any) -> None:
        super().__init__(exception_message)
        self._exception_message = exception_message
        self._inner_exception = inner_exception
        self._details = kwargs

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


class UserErrorException(AzureMLException):
    """The caller gave something that cannot work."""


class AuthenticationException(UserErrorException):
    """Credentials are missing or refused."""


class ComputeTargetException(AzureMLException):
    """A compute target does not exist or cannot be used."""


class WorkspaceException(AzureMLException):
    """A workspace does not exist, or exists more than once (``found_multiple``)."""

    def __init__(self, exception_message: str = "", found_multiple: bool = False, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.found_multiple = found_multiple


class ExperimentExecutionException(AzureMLException):
    """A run could not be started or followed."""


class ActivityFailedException(AzureMLException):
    """A run that was waited for has failed; ``error_details`` holds what is known."""

    def __init__(self, exception_message: str = "", error_details: Any = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.error_details = error_details if error_details is not None else exception_message


class RunConfigurationException(AzureMLException):
    """A run configuration contradicts itself."""


class RunEnvironmentException(AzureMLException):
    """``Run.get_context(allow_offline=False)`` outside a run."""


class SnapshotException(AzureMLException):
    """A source directory cannot be taken into a snapshot."""


class TrainingException(AzureMLException):
    """A training configuration is wrong."""


class ProjectSystemException(AzureMLException):
    """A project folder is wrong."""


class ModelNotFoundException(AzureMLException):
    """No such model or model path."""


class ModelPathNotFoundException(AzureMLException):
    """A model's path is not among the run's artifacts or on this machine."""


class WebserviceException(AzureMLException):
    """What the SDK raises for a model that is not there; ``status_code`` as over HTTP."""

    def __init__(self, exception_message: str = "", status_code: int | None = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.status_code = status_code


class ServiceException(AzureMLException):
    """A service answered with an error."""


class DatasetTimestampMissingError(AzureMLException):
    """A time filter on a dataset without timestamp columns."""


class ParallelRunException(AzureMLException):
    """A ParallelRunStep could not go on."""


class DiscoveryUrlNotFoundException(AzureMLException):
    """Kept for ``except`` clauses of SDK code."""


class DatasetValidationError(AzureMLException):
    """A dataset's definition does not fit the data."""


class DatasetExecutionError(AzureMLException):
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
