"""The tasks of a schedule's DAG: start a run of the published pipeline; for data, find out for which files first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from mlsteps.operators.failures import told_to_airflow
from mlsteps.operators.firing import Firing, change_key, firing, has_begun, refusal, time_key
from mlsteps.operators.links import TriggeredRunLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlsteps.storage.workspace_store import WorkspaceStore

#: XCom of the task that looks for changes: the round they belong to.
ROUND = "round"


class _ScheduleOperator(BaseOperator):  # type: ignore[misc]
    """Knows its schedule.

    :param workspace: ``{"root": where it lies}``, or as any graph names its workspace; :param schedule_id: its id.
    """

    template_fields: Collection[str] = ("schedule_id",)

    def __init__(self, *, workspace: Mapping[str, Any], schedule_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.workspace = workspace
        self.schedule_id = schedule_id

    def _opened(self) -> tuple[WorkspaceStore, dict[str, Any]]:
        from mlsteps.hooks.mlsteps import resolve_reference
        from mlsteps.registry import schedules
        from mlsteps.registry.workspaces import open_workspace

        ws = open_workspace(resolve_reference(self.workspace))
        return ws, schedules.need(ws, self.schedule_id)


class FireOperator(_ScheduleOperator):
    """Starts the run of a published pipeline that a schedule asks for, once, however often it is tried.

    Skipped when the schedule does not fire any more: it was disabled or changed meanwhile. Ends when the run is made;
    how that goes is that run's own matter.

    :param change: the file that has changed, an item of what :class:`ChangesOperator` returns.
    """

    template_fields: Collection[str] = ("schedule_id", "change")
    ui_color = "#ffefeb"
    operator_extra_links = (TriggeredRunLink(),)

    def __init__(self, *, change: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.change = change
        self.started: Firing | None = None

    def execute(self, context: Context) -> None:
        """Start the run.

        :raises AirflowSkipException: when there is nothing to start.
        :raises AirflowFailException: when the pipeline is gone or disabled.
        :raises DagRunTriggerException: Airflow's way to start a run; the task then ends in success.
        """
        from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

        from mlsteps.registry import schedules

        with told_to_airflow():
            ws, schedule = self._opened()
            dag_run = context["dag_run"]
            reason = refusal(schedule, _run_type(dag_run), dag_run.logical_date)
            if reason:
                raise AirflowSkipException(f"Nothing is started: {reason}.")
            wanted = self._firing(ws, schedule, context)
            if has_begun(ws, wanted.run_id):
                raise AirflowSkipException(f"The run {wanted.run_id} was started before.")
            schedules.note_run(ws, wanted.schedule_id, wanted.run_id, **wanted.said)
        self.started = wanted
        self.log.info("Schedule %s starts run %s of %s", schedule["name"], wanted.run_id, wanted.dag_id)
        raise DagRunTriggerException(
            trigger_dag_id=wanted.dag_id,
            dag_run_id=wanted.run_id,
            conf=dict(wanted.conf),
            logical_date=None,
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=["success"],
            failed_states=["failed"],
            poke_interval=60,
            deferrable=False,
        )

    def _firing(self, ws: WorkspaceStore, schedule: Mapping[str, Any], context: Context) -> Firing:
        if self.change is not None:
            path = self.change["path"]
            return firing(ws, schedule, change_key(self.change["generation"], self.change["round"], path), path=path)
        dag_run = context["dag_run"]
        clear_number = getattr(dag_run, "clear_number", 0) or 0
        key = time_key(_run_type(dag_run), dag_run.run_id, dag_run.logical_date, clear_number)
        return firing(ws, schedule, key, at=dag_run.logical_date)


def _run_type(dag_run: Any) -> str:
    """``scheduled``, ``manual``, ...; Airflow's enumeration prints itself in another way."""
    return str(getattr(dag_run.run_type, "value", dag_run.run_type))


class ChangesOperator(_ScheduleOperator):
    """Looks which files have changed, and keeps the answer so that every try gives the same.

    Returns ``[{"path", "generation", "round"}, ...]``, one for each run to start.
    """

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Look.

        :raises AirflowFailException: when the datastore is gone.
        """
        from mlsteps.operators.watching import listing
        from mlsteps.registry import schedule_state, schedules

        with told_to_airflow():
            ws, schedule = self._opened()
            if schedule["status"] != schedules.ACTIVE or "watch" not in schedule:
                return []
            generation = schedule["watch"]["generation"]
            taken = schedule_state.take(ws, self.schedule_id, generation, listing(ws, schedule))
        if taken is None:
            return []
        context["ti"].xcom_push(key=ROUND, value={"generation": generation, "number": taken.number})
        self.log.info("%d changed, %d gone", len(taken.batch.changed), len(taken.batch.gone))
        return [{"path": path, "generation": generation, "round": taken.number} for path, _ in taken.batch.changed]


class SettleOperator(_ScheduleOperator):
    """Says that every change of a round has its run, so that none of them starts another.

    :param looked: id of the task that looked for changes.
    """

    def __init__(self, *, looked: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.looked = looked

    def execute(self, context: Context) -> None:
        """Say it."""
        from mlsteps.registry import schedule_state

        taken = context["ti"].xcom_pull(task_ids=self.looked, key=ROUND)
        if taken:
            with told_to_airflow():
                ws, _ = self._opened()
                schedule_state.settle(ws, self.schedule_id, taken["generation"], taken["number"])
