"""The exit codes of ``mlsteps`` and ``airflow mlsteps`` commands; scripts may rely on them."""

from __future__ import annotations

from mlsteps.errors import (
    AuthenticationException,
    AzureMLException,
    ExperimentExecutionException,
    ModelNotFoundException,
    ModelPathNotFoundException,
    StoreError,
    UserErrorException,
    WorkspaceException,
)

#: What was asked for is done.
OK = 0
#: The run failed or was cancelled; ``diff`` found differences; ``doctor`` found faults; a script ended with an error.
FAILED = 1
#: Wrong arguments, or something that is not there.
USAGE = 2
#: A store or an Airflow did not answer, or refused the login: the same command may do later.
UNREACHABLE = 3
#: Interrupted from the keyboard.
INTERRUPTED = 130

_USAGE = (UserErrorException, WorkspaceException, ModelNotFoundException, ModelPathNotFoundException)
_UNREACHABLE = (AuthenticationException, ExperimentExecutionException, StoreError)


def exit_code(error: AzureMLException) -> int:
    """The exit code for an error."""
    if isinstance(error, _UNREACHABLE):
        return UNREACHABLE
    return USAGE if isinstance(error, _USAGE) else FAILED
