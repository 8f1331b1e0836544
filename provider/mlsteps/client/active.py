"""Runs that this process has started and that are still going on.

A thread looks after them, so that the workspace learns the end of a run even when nobody waits for it, and the process
does not end before they do: its end would end the embedded Airflow.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  (its exit handler must be registered before ours; ours runs first)
import os
import sys
import threading
import time
from typing import NamedTuple

from mlsteps.client import outcome
from mlsteps.client.target import Target
from mlsteps.errors import AuthenticationException, AzureMLException
from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.run_state import TERMINAL
from mlsteps.registry.runs import RunStore

#: Seconds between looks.
INTERVAL = 1.0
#: Seconds that cancelled steps get to end before the process does.
CANCEL_GRACE = 10.0


class ActiveRun(NamedTuple):
    """One run.

    :param id: of the pipeline run; :param shown_id: what the person knows it by (a script run has its own id).
    """

    runs: RunStore
    id: str
    dag_id: str
    target: Target
    shown_id: str


_active: dict[str, ActiveRun] = {}
_lock = threading.Lock()
_thread: threading.Thread | None = None
_registered_by: int | None = None


def track(run: ActiveRun) -> None:
    """Look after a run until it has ended."""
    global _thread
    with _lock:
        _register()
        _active[run.id] = run
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_look_after, name="mlsteps-runs", daemon=True)
            _thread.start()


def serve(target: Target, runs: RunStore) -> None:
    """This process has told someone the address of its embedded Airflow: runs that others start there are waited for
    at its end, too."""
    with _lock:
        _register()
        _served[id(target), id(runs)] = (target, runs)


_served: dict[tuple[int, int], tuple[Target, RunStore]] = {}


def _register() -> None:
    global _thread, _registered_by
    if _registered_by != os.getpid():  # also true in a fork, which has none of its parent's threads
        _active.clear()
        _served.clear()
        _thread, _registered_by = None, os.getpid()
        _at_exit()


def _adopt() -> None:
    """Runs that others have started in an Airflow that ends with this process become its own."""
    for target, runs in list(_served.values()):
        try:
            going_on = target.embedded.active_runs() if target.embedded is not None else []
        except AzureMLException:
            continue  # it has ended, and its runs with it
        for dag_id, run_id in going_on:
            if run_id not in _active and runs.head(run_id) is not None:
                _active[run_id] = ActiveRun(runs, run_id, dag_id, target, run_id)


def is_tracked(run_id: str) -> bool:
    """Whether this process looks after the run already."""
    return run_id in _active and _registered_by == os.getpid()


def is_ending(dag_id: str) -> bool:
    """Whether all runs of a DAG that this process looks after are over, and Airflow has yet to say so of one."""
    with _lock:
        own = [run for run in _active.values() if run.dag_id == dag_id]
    return bool(own) and all(pipeline_status(run.runs, run.id) in TERMINAL for run in own)


def forget(run_id: str) -> None:
    """The run has ended."""
    with _lock:
        _active.pop(run_id, None)


def _at_exit() -> None:
    # `atexit` would be too late: reading a workspace may need a thread pool, and by then none can be used any more.
    register = getattr(threading, "_register_atexit", None)
    if register is None:
        import atexit

        register = atexit.register
    register(_wait_at_exit)


def _look_after() -> None:
    while True:
        time.sleep(INTERVAL)
        with _lock:
            waiting = list(_active.values())
        for target in {id(run.target): run.target for run in waiting}.values():
            _tell_faults(target)
        for run in waiting:
            look(run)


def _tell_faults(target: Target) -> None:
    """Parts of the embedded Airflow that died are no secret, also when all goes on."""
    try:
        faults = target.faults()
    except AzureMLException:
        return  # it has ended: looking at its runs says so
    for fault in faults[_told.get(id(target), 0) :]:
        print(f"mlsteps: {fault}", file=sys.stderr, flush=True)
    _told[id(target)] = len(faults)


_told: dict[int, int] = {}


def look(run: ActiveRun) -> bool:
    """Whether the run has ended; see :func:`.outcome.reconcile`. What goes wrong while looking is not the run's end."""
    try:
        if _wants_to_end(run):
            from mlsteps.client.control import cancel_run

            cancel_run(run.runs, run.id, run.dag_id, run.target)
        ended = outcome.reconcile(run.runs, run.id, run.dag_id, run.target.api)
    except AuthenticationException:
        raise
    except AzureMLException as error:
        ended = _server_is_gone(run, error)
    if ended:
        forget(run.id)
    return ended


def _wants_to_end(run: ActiveRun) -> bool:
    """A script run is cancelled by an event on itself; see ``Run.cancel``."""
    return run.shown_id != run.id and run.runs.state(run.shown_id).status == "CancelRequested"


def _server_is_gone(run: ActiveRun, error: AzureMLException) -> bool:
    """An Airflow that does not answer for a moment is asked again; the embedded one that has ended is the run's end."""
    try:
        run.target.faults()
    except AzureMLException as ended:
        outcome.end(run.runs, run.id, "Failed", {"category": "infrastructure", "message": str(ended)})
        return True
    return False


def _wait_at_exit() -> None:
    """Runs submitted and not waited for: the process stays until they have ended; Ctrl-C cancels them."""
    if _registered_by != os.getpid():
        return
    try:
        _adopt()
        if not issubclass(getattr(sys, "last_type", None) or Exception, KeyboardInterrupt):
            _wait()
        elif _active:
            _cancel_all()
    except KeyboardInterrupt:
        _cancel_all()


def _wait() -> None:
    own = [run for run in _active.values() if run.target.embedded is not None]
    if not own:
        return
    # One that was waited for is over, though Airflow may need a moment more to say so.
    ids = ", ".join(run.shown_id for run in own if pipeline_status(run.runs, run.id) not in TERMINAL)
    if ids:
        print(f"Waiting for {ids} to end; the Airflow that runs it ends with this script. Ctrl-C cancels.", flush=True)
    while own:
        own = [run for run in own if run.id in _active and not look(run)]
        time.sleep(INTERVAL / 4)


def _cancel_all() -> None:
    from mlsteps.client.control import cancel_run

    own = [run for run in _active.values() if run.target.embedded is not None]
    if not own:
        return
    print(f"Cancelling {', '.join(run.shown_id for run in own)} ...", file=sys.stderr, flush=True)
    deadline = time.monotonic() + CANCEL_GRACE
    try:
        for run in own:
            cancel_run(run.runs, run.id, run.dag_id, run.target)
        while own and time.monotonic() < deadline:
            own = [run for run in own if not look(run)]
            time.sleep(INTERVAL / 4)
    except (AzureMLException, KeyboardInterrupt) as error:
        # The embedded Airflow ends with this process and says what had to end with it.
        print(f"Not all runs could be cancelled in order ({type(error).__name__}).", file=sys.stderr, flush=True)
