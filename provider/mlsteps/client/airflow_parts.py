"""What the forked parts of the embedded Airflow do. Only these functions touch Airflow's server side.

They enter Airflow where its own commands do (``airflow scheduler``, the ASGI application that ``airflow api-server``
serves, ``initdb``, ``sync_bag_to_db``).
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlsteps.client.home import Home

BUNDLE = "dags-folder"
ENDED = "The embedded Airflow ended while this was running."


def load_airflow() -> None:
    """Import once what every part needs; parts are forked afterwards."""
    import airflow.sdk  # noqa: F401


def load_scheduler() -> None:
    """Import what the scheduler, its workers and the tasks need, so that no task pays for it."""
    import airflow.cli.cli_parser
    import airflow.dag_processing.dagbag
    import airflow.executors.local_executor
    import airflow.jobs.scheduler_job_runner
    import airflow.sdk.execution_time.supervisor
    import airflow.sdk.execution_time.task_runner  # noqa: F401

    import mlsteps.operators.execution
    import mlsteps.operators.planning
    import mlsteps.operators.step
    import mlsteps.translate.loader  # noqa: F401


def serve_api(apps: str, listener: socket.socket, is_warm: int = -1) -> None:
    """Serve Airflow's API.

    :param apps: ``core`` (REST API and UI) or ``execution`` (what tasks talk to). Each is a process of its own here,
        since building either takes seconds of one core and no task can start before the second is there.
    :param is_warm: descriptor that is closed when the first request has been answered.
    """
    if apps == "core":
        os.nice(5)  # nobody waits for it as somebody waits for the first step
    os.environ["AIRFLOW_API_APPS"] = apps
    import uvicorn
    from airflow.api_fastapi.main import app

    if apps == "execution":
        threading.Thread(target=_warm_up, args=(listener.getsockname()[1], is_warm), daemon=True).start()
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


def _warm_up(port: int, is_warm: int) -> None:
    """The first request builds the versioned API (seconds); let that be ours and not the first task's."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/execution/health", timeout=120) as response:
            response.read()
    finally:
        if is_warm >= 0:
            os.close(is_warm)


def schedule() -> None:
    """Run Airflow's scheduler; logs need no server of their own, the API reads them from the disk."""
    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    from airflow.__main__ import main

    main()  # type: ignore[no-untyped-call]


def prepare_database(home: Home) -> None:
    """Create or upgrade the metadata database, and end what a supervisor that was killed left unfinished."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    settle(home)


def settle(home: Home) -> None:
    """Nothing runs any more: say so of every scheduler, DAG run and step that the database still calls active."""
    forget_schedulers()
    for dag_id, run_id, root in _end_active_runs(home):
        from mlsteps.client.settle import end_pipeline_run

        end_pipeline_run(root, dag_id, run_id, ENDED)


def forget_schedulers() -> None:
    """Mark schedulers as dead that we know to be: the next one then takes over their tasks at once."""
    from airflow.jobs.job import Job, JobState
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(Job).where(Job.state == JobState.RUNNING).values(state=JobState.FAILED))


def _end_active_runs(home: Home) -> list[tuple[str, str, str]]:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, State, TaskInstanceState
    from sqlalchemy import select, update

    roots = roots_of(home)
    with create_session() as session:
        active = session.scalars(select(DagRun).where(DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING])))
        ended = []
        for run in active.all():
            unfinished = TaskInstance.state.is_(None) | TaskInstance.state.in_([s for s in State.unfinished if s])
            session.execute(
                update(TaskInstance)
                .where(TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id, unfinished)
                .values(state=TaskInstanceState.FAILED)
                .execution_options(synchronize_session=False)
            )
            run.set_state(DagRunState.FAILED)
            ended.append((run.dag_id, run.run_id))
    return [(dag_id, run_id, roots[dag_id]) for dag_id, run_id in ended if dag_id in roots]


def answer(home: Home, request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a client asks for, in a process of its own.

    :returns: ``{"ok": true}``, with ``active`` or ``runs`` for those questions, or ``{"error": what went wrong}``.
    """
    if request["do"] == "runs":
        return {"ok": True, "runs": active_runs()}
    dag_id = str(request["dag_id"])
    if request["do"] == "sync":
        error = sync(home, dag_id)
        return {"error": error} if error else {"ok": True}
    if request["do"] == "active":
        return {"ok": True, "active": has_active_run(dag_id)}
    return trigger(dag_id, str(request["run_id"]), request["conf"])


def sync(home: Home, dag_id: str) -> str:
    """Put one DAG into the database; what Airflow's DAG processor would do within minutes.

    :returns: "" or what went wrong.
    """
    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    bag = DagBag(str(home.dags), bundle_path=home.dags, bundle_name=BUNDLE)
    if dag_id not in bag.dags:
        reasons = [str(error) for error in bag.import_errors.values()]
        return "\n".join(reasons) or f"the graph of {dag_id!r} gave no DAG; see {home.log('sync')}"
    bag.dags = {dag_id: bag.dags[dag_id]}
    sync_bag_to_db(bag, BUNDLE, None)
    _make_pools({task.pool for task in bag.dags[dag_id].tasks})
    return ""


def _make_pools(names: set[str]) -> None:
    """A task in a pool that does not exist would wait for ever. Here the executor is what limits."""
    from airflow.models.pool import Pool

    for name in names:
        if Pool.get_pool(name) is None:
            Pool.create_or_update_pool(name, slots=128, description="Made by mlsteps", include_deferred=False)


def trigger(dag_id: str, run_id: str, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Start a DAG run as ``airflow dags trigger`` does.

    By way of the REST API the first run would have to wait for that, which takes longer to start than all the rest.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.sdk.exceptions import AirflowException
    from airflow.utils.types import DagRunTriggeredByType

    try:
        trigger_dag(dag_id, run_id=run_id, conf=dict(conf), triggered_by=DagRunTriggeredByType.CLI)
    except (AirflowException, ValueError) as error:
        return {"error": str(error)}
    return {"ok": True}


def has_active_run(dag_id: str) -> bool:
    """Whether a run of the DAG is queued or running."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import select

    active = DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING])
    with create_session() as session:
        return session.scalar(select(DagRun.id).where(DagRun.dag_id == dag_id, active).limit(1)) is not None


def active_runs() -> list[tuple[str, str]]:
    """``(DAG id, run id)`` of the runs that are queued or running."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import select

    active = DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING])
    with create_session() as session:
        return [
            (dag_id, run_id) for dag_id, run_id in session.execute(select(DagRun.dag_id, DagRun.run_id).where(active))
        ]


def roots_of(home: Home) -> dict[str, str]:
    """Which workspace root each DAG belongs to."""
    try:
        return dict(json.loads(Path(home.pipelines).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
