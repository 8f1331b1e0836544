"""Our errors as Airflow's: which of them another try might mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mlsteps.contracts.spec import StepResult
from mlsteps.errors import StoreError, UserErrorException

_GOES_ON = ("running", "up_for_retry")


@contextmanager
def told_to_airflow() -> Iterator[None]:
    """Wrong input fails the task for good: no retry mends a name that does not exist.

    A store that does not answer, a machine that is full and the like keep Airflow's retries.
    """
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    try:
        yield
    except StoreError as error:
        raise AirflowException(str(error)) from error
    except UserErrorException as error:
        raise AirflowFailException(str(error)) from error


def goes_on(ti: Any, report: Callable[..., None]) -> bool:
    """Whether a task goes on in Airflow's eyes, now or by another try: not when somebody has ended or cleared it.

    Where an executor tells of a pod that is lost, that may be known before the task in it has ended. No answer is taken
    for yes: then that is why the task was stopped.
    """
    where = {"dag_id": ti.dag_id, "run_ids": [ti.run_id], "task_ids": [ti.task_id], "map_index": ti.map_index}
    try:
        states = ti.get_task_states(**where)
    except Exception as error:
        with suppress(Exception):  # who takes the log may have gone with whoever is asked
            report("Airflow does not say how this task stands: %s", error)
        return True
    return any(state in _GOES_ON for states_of_run in states.values() for state in states_of_run.values())


def category_of(error: BaseException) -> str:
    """Whose fault an error was that ended a task before its step had an answer."""
    return "input" if isinstance(error.__cause__, UserErrorException) else "infrastructure"


def failure_text(step_name: str, result: StepResult) -> str:
    """Why a step failed: the exit code, what the runner says, and the script's last lines."""
    error = result.error
    code = result.exit_code
    if code is None:
        how = "did not start"
    elif code < 0:
        how = f"was ended by signal {-code}"
    else:
        how = f"ended with exit code {code}"
    text = f"Step {step_name!r} {how}."
    if error.get("message"):
        text += f" {error['message']}"
    tail = error.get("tail")
    lines = tail if isinstance(tail, str) else "\n".join(map(str, tail or ()))
    return f"{text}\nLast lines of its output:\n{lines.rstrip()}" if lines.strip() else text
