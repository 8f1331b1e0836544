"""Runs of DAGs in this process, by Airflow's own ``dag.test()``, and what they leave in its database."""

from __future__ import annotations

from typing import Any, NamedTuple

BUNDLE = "dags-folder"


class Run(NamedTuple):
    """``state`` of the DAG run; ``states``, ``xcoms`` (by key) by task id; ``run_id``."""

    state: str
    states: dict[str, str]
    xcoms: dict[str, dict[str, Any]]
    run_id: str

    def outputs(self, task_id: str) -> dict[str, Any]:
        """The outputs in a task's return value."""
        return self.xcoms[task_id]["return_value"]["outputs"]


def store(dag: Any) -> None:
    """Write a DAG into the database, as the DAG processor does with the DAGs of a file."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
    from airflow.utils.session import create_session

    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
    with create_session() as session:
        lazy = LazyDeserializedDAG(data=DagSerialization.to_dict(dag))
        update_dag_parsing_results_in_db(BUNDLE, None, [lazy], {}, None, set(), session)


def run(dag: Any, **conf: Any) -> Run:
    """Run a DAG to its end and read what came of it."""
    store(dag)
    return read(dag.test(run_conf=conf or None))


def read(dag_run: Any) -> Run:
    """What Airflow's database says of a DAG run."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    xcoms: dict[str, dict[str, Any]] = {}
    wanted = select(XComModel).where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id)
    with create_session() as session:
        for row in session.scalars(wanted):
            xcoms.setdefault(row.task_id, {})[row.key] = XComModel.deserialize_value(row)
        states = {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances(session=session)}
    return Run(str(dag_run.state), states, xcoms, dag_run.run_id)


def clear_and_rerun(dag: Any, done: Run, *task_ids: str) -> Run:
    """Clear tasks of a run that is over, as a person does in the UI, and let the run go on to its end."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import clear_task_instances
    from airflow.sdk.definitions.dag import _run_task
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        dag_run = session.scalars(select(DagRun).where(DagRun.run_id == done.run_id, DagRun.dag_id == dag.dag_id)).one()
        wanted = [ti for ti in dag_run.get_task_instances(session=session) if ti.task_id in task_ids]
        clear_task_instances(wanted, session=session, dag_run_state=DagRunState.RUNNING)
        session.commit()
        dag_run.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        while dag_run.state == DagRunState.RUNNING:
            session.expire_all()
            ready, _ = dag_run.update_state(session=session)
            for ti in ready:
                ti.try_number += 1
                ti.state = TaskInstanceState.SCHEDULED
            session.commit()
            for ti in ready:
                _run_task(ti=ti, task=dag.task_dict[ti.task_id])
        session.commit()
        return read(dag_run)


def asset_events(uri: str) -> list[dict[str, Any]]:
    """What the events of an asset say, oldest first; each with the task that sent it."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wanted = select(AssetEvent).join(AssetModel, AssetModel.id == AssetEvent.asset_id).where(AssetModel.uri == uri)
    with create_session() as session:
        return [
            {**event.extra, "task": event.source_task_id} for event in session.scalars(wanted.order_by(AssetEvent.id))
        ]
