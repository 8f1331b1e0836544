"""V04, V05, V14, V15, V16: pipelines that are published, called, scheduled and drafted."""

from __future__ import annotations

import shutil

from tests.acceptance.harness import Case, Row
from tests.acceptance.rows.datasets import PUBLISHING


class Schedules(Row):
    """Schedules by time, by data and for an endpoint."""

    now, waits_for = "L1", PUBLISHING
    statuses = ("Completed", "Failed")

    def works_schedules_read_back(self, case: Case) -> None:
        from azureml.pipeline.core import Schedule

        assert len(Schedule.list(case.workspace(), active_only=False)) >= 3

    def works_recurrence_after_the_update(self, case: Case) -> None:
        assert "Hour" in case.first.output


class Endpoints(Row):
    """Versions behind one endpoint; its runs fail, as they do in the original."""

    now, waits_for = "L1", PUBLISHING
    statuses = ("Failed",)

    def works_versions_and_name(self, case: Case) -> None:
        from azureml.pipeline.core import PipelineEndpoint

        endpoint = PipelineEndpoint.get(case.workspace(), name="NewName")
        assert sorted(endpoint.get_all_versions() if hasattr(endpoint, "get_all_versions") else []) in ([], ["0", "1"])

    def works_every_way_to_call_gives_a_run(self, case: Case) -> None:
        assert len(case.first.runs) >= 4


class Drafts(Row):
    """A draft, updated, submitted and published."""

    now, waits_for = "L1", PUBLISHING
    statuses = ("Failed",)

    def works_only_the_new_step_ran(self, case: Case) -> None:
        assert [list(run.steps) for run in case.first.runs] == [["New_Training_Step"]]


class TrainAndRegister(Row):
    """A code base with its own ``.env``: one pipeline is published, then submitted by another script."""

    now, waits_for = "L1", PUBLISHING

    def supply(self, case: Case) -> None:
        shutil.copy(case.tree / ".env.example", case.tree / ".env")
        (case.tree / "config.json").rename(case.folder / "config.json")
        case.environ.update(
            MLSTEPS_WORKSPACE_ROOT=str(case.root),
            SUBSCRIPTION_ID="11111111-2222-3333-4444-555555555555",
            RESOURCE_GROUP="acceptance",
            WORKSPACE_NAME=case.workspace_name,
            BUILD_BUILDID="001",
            PYTHONPATH=str(case.tree),
        )

    def works_published_with_the_build_as_version(self, case: Case) -> None:
        assert "for build 001" in case.first.output

    def run(self, case: Case) -> None:
        for number in (1, 2):
            case.environ["BUILD_BUILDID"] = f"00{number}"
            if case.execute().code or case.execute("ml_service/pipelines/run_train_pipeline.py").code:
                return

    def works_metrics_on_the_parent_and_model_registered(self, case: Case) -> None:
        from azureml.core import Model, Workspace

        runs = [run for execution in case.executions for run in execution.runs]
        assert runs and runs[0].metrics
        ws = Workspace.get(case.workspace_name, subscription_id="s", resource_group="acceptance")
        assert Model.list(ws)


class BatchScoreCopy(Row):
    """Mini-batches, then a copy step with empty arguments."""

    now, waits_for = "L1", f"{PUBLISHING}; ParallelRunStep"

    def supply(self, case: Case) -> None:
        TrainAndRegister().supply(case)

    def works_pipeline_id_is_told(self, case: Case) -> None:
        assert "##vso[" in case.first.output


ROWS: dict[str, Row] = {
    "V04": Schedules(),
    "V05": Endpoints(),
    "V14": Drafts(),
    "V15": TrainAndRegister(),
    "V16": BatchScoreCopy(),
}
