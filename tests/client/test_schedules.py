"""A schedule on a real embedded Airflow: it is there when ``wait_for_provisioning`` returns, and it fires."""

from __future__ import annotations

import time

import pytest

from mlsteps.client import provisioning
from mlsteps.client.airflow_api import AirflowApi
from mlsteps.client.embedded import embedded
from mlsteps.client.target import Target
from mlsteps.errors import ExperimentExecutionException
from mlsteps.registry import schedules
from mlsteps.sdk.environment import Environment
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.schedule import Schedule, ScheduleRecurrence
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace
from tests.client.conftest import query, wait_until

pytestmark = pytest.mark.airflow


def next_run(home, dag_id: str) -> str | None:
    ((found,),) = query(home, f"select next_dagrun_create_after from dag where dag_id = '{dag_id}'")
    return found


def test_a_schedule_fires_is_changed_and_disabled(home, tmp_path, capsys) -> None:
    workspace = Workspace(None, None, "scheduled")
    (tmp_path / "note.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    here = Environment("here")
    here.python.user_managed_dependencies = True
    config = RunConfiguration()
    config.environment = here
    step = PythonScriptStep(
        "note.py", compute_target="cpu", runconfig=config, source_directory=tmp_path, allow_reuse=False
    )
    published = Pipeline(workspace, [step]).publish("Noting")
    nightly = ScheduleRecurrence("Day", 2, hours=[22], minutes=[30])
    schedule = Schedule.create(
        workspace, "Nightly", published.id, "timed", nightly, wait_for_provisioning=True, wait_timeout=180
    )
    assert "Provisioning status: Completed" in capsys.readouterr().out
    dag_id = schedules.need(workspace._store(), schedule.id)["dag_id"]
    assert next_run(home, dag_id) is not None

    wait_until(lambda: schedule.get_last_pipeline_run() is not None, 180, "without a start it fires at once")
    run = schedule.get_last_pipeline_run()
    assert run.wait_for_completion(show_output=False) == "Finished"
    assert run.experiment.name == "timed" and (tmp_path / "ran").read_text() == "x"
    wait_until(lambda: "22:30" in str(next_run(home, dag_id)), 60, "the next time is the computed one")

    schedule.disable(wait_for_provisioning=True)
    assert (schedule.status, next_run(home, dag_id)) == ("Disabled", None)
    schedule.enable(wait_for_provisioning=True)
    assert "22:30" in str(next_run(home, dag_id))
    time.sleep(2.0)  # two passes of the scheduler
    assert [found.id for found in schedule.get_pipeline_runs()] == [run.id]
    assert embedded().faults() == []


def test_an_airflow_elsewhere_is_waited_for_until_it_has_the_schedule_as_it_is_now(home, tmp_path) -> None:
    """The embedded one, seen as any other: only its REST API is asked."""
    workspace = Workspace(None, None, "elsewhere")
    (tmp_path / "note.py").write_text("")
    step = PythonScriptStep("note.py", compute_target="cpu", source_directory=tmp_path)
    published = Pipeline(workspace, [step]).publish("Noting")
    ahead = ScheduleRecurrence("Day", 1, start_time="2099-01-01T08:00:00")
    schedule = Schedule.create(workspace, "Far", published.id, "timed", ahead)
    ws = workspace._store()
    document = schedules.need(ws, schedule.id)
    airflow = Target(AirflowApi(embedded().address), None)
    with pytest.raises(ExperimentExecutionException, match="schedule 'Far'.*The schedule itself is kept"):
        provisioning._wait(airflow, ws, document, 1.5)

    embedded().sync(document["dag_id"], ws.root)
    provisioning._wait(airflow, ws, document, 5.0)
    schedule.update(recurrence=ScheduleRecurrence("Day", 1, start_time="2099-01-01T09:00:00"))
    changed = schedules.need(ws, schedule.id)
    with pytest.raises(ExperimentExecutionException, match="did not load"):
        provisioning._wait(airflow, ws, changed, 1.5)
    airflow.api.close()
