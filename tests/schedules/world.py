"""What the tests of schedules stand on: a published pipeline, and Airflow's own code that runs DAGs in this process."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from mlsteps.registry import pipelines, schedules
from mlsteps.sdk.datapath import DataPath, DataPathComputeBinding
from mlsteps.sdk.environment import Environment
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.schedule import Schedule
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace
from tests.operators import runs

NOTE = """
import os, sys
notes, text, data = sys.argv[1:4]
content = open(data).read() if os.path.isfile(data) else ""
with open(os.path.join(notes, "ran"), "a") as file:
    file.write(f"{text}|{os.path.basename(data.rstrip('/'))}|{content}\\n")
"""


class World:
    """``workspace``, and a pipeline published in it with the parameters ``text`` and ``data``."""

    def __init__(self, folder: Path) -> None:
        self.notes = folder / "notes"
        self.notes.mkdir()
        source = folder / "source"
        source.mkdir()
        (source / "note.py").write_text(NOTE)
        self.source = source
        self.workspace = Workspace.get("scheduled")
        self.ws = self.workspace._store()
        self.blobs = self.workspace.get_default_datastore()
        self.store = self.blobs._open()
        self.store.write("rest/place", b"")
        self.published = self.publish()

    def publish(self, name: str = "Noting") -> Any:
        text = PipelineParameter("text", "hello")
        data = PipelineParameter("data", DataPath(self.blobs, "rest"))
        here = Environment("here")
        here.python.user_managed_dependencies = True
        config = RunConfiguration()
        config.environment = here
        place = (data, DataPathComputeBinding("mount"))
        step = PythonScriptStep(
            "note.py",
            name="note",
            arguments=[str(self.notes), text, place],
            inputs=[place],
            compute_target="local",
            runconfig=config,
            source_directory=str(self.source),
            allow_reuse=False,
        )
        return Pipeline(self.workspace, [step]).publish(name)

    def ran(self) -> list[str]:
        """What the step has noted: ``text|name of the data|its content``."""
        file = self.notes / "ran"
        return file.read_text().splitlines() if file.exists() else []

    def dag(self, schedule: Schedule) -> Any:
        """The schedule's DAG, as it is served now, put into Airflow's database."""
        from mlsteps.registry import dags
        from mlsteps.translate.schedules import schedule_dag

        document = schedules.need(self.ws, schedule.id)
        made = schedule_dag(dags.get(self.ws, document["dag_id"]) or {}, self.ws.root)
        runs.store(made)
        return made

    def pipeline_dag(self, published: Any = None) -> Any:
        """The published pipeline's DAG, put into Airflow's database."""
        from mlsteps.registry import dags, graphs
        from mlsteps.translate.served import served_dag

        pipeline = pipelines.need(self.ws, (published or self.published).id)
        document = dags.get(self.ws, pipeline["dag_id"]) or {}
        graph = self.ws.read_json(graphs.graph_path(document["graph"]))
        made = served_dag(document, graph, self.ws.root)
        runs.store(made)
        return made


def dag_runs(dag: Any) -> list[Any]:
    """The runs of a DAG that Airflow's database has, oldest first."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return list(session.scalars(select(DagRun).where(DagRun.dag_id == dag.dag_id).order_by(DagRun.id)))


def scheduled(dag: Any, at: datetime) -> str:
    """Make the run that the scheduler makes at a fire time; answers its id."""
    import pendulum
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.timetables.base import DataInterval
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    moment = pendulum.instance(at)
    with create_session() as session:
        run = SerializedDagModel.get(dag.dag_id, session=session).dag.create_dagrun(
            run_id=f"scheduled__{at.isoformat()}",
            run_type=DagRunType.SCHEDULED,
            logical_date=moment,
            data_interval=DataInterval.exact(moment),
            run_after=moment,
            state=DagRunState.RUNNING,
            triggered_by=DagRunTriggeredByType.TIMETABLE,
            session=session,
        )
        return str(run.run_id)


def go_on(dag: Any, run_id: str, *, lose: str | None = None) -> runs.Run:
    """Run the tasks of a DAG run in this process until none is left.

    :param lose: a task whose process is lost when its turn comes: the run stops there as if Airflow had been ended.
    """
    from airflow.models.dagrun import DagRun
    from airflow.sdk.definitions.dag import _run_task
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.run_id == run_id, DagRun.dag_id == dag.dag_id)).one()
        run.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        run.state = DagRunState.RUNNING
        session.commit()
        while run.state == DagRunState.RUNNING:
            session.expire_all()
            ready, _ = run.update_state(session=session)
            if any(ti.task_id == lose for ti in ready):
                break
            for ti in ready:
                ti.try_number += 1
                ti.state = TaskInstanceState.SCHEDULED
            session.commit()
            for ti in ready:
                _run_task(ti=ti, task=dag.task_dict[ti.task_id])
        session.commit()
        return runs.read(run)
