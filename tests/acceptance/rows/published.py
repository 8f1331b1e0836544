"""V04, V05, V14, V15, V16: pipelines that are published, called, scheduled and drafted."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise

from tests.acceptance.harness import Case, PipelineView, Row


class Schedules(Row):
    """Schedules by time, by data and for an endpoint."""

    statuses = ("Completed", "Failed", "Running", "NotStarted")  # a schedule may fire at any moment; its step fails

    def between(self, case: Case) -> None:
        """An endpoint's name is taken, in the original too: the one of the first time gives way."""
        from azureml.pipeline.core import PipelineEndpoint

        PipelineEndpoint.get(case.workspace(), name="ScheduledPipelineEndpoint").set_name("Earlier")

    def works_three_schedules_read_back(self, case: Case) -> None:
        from azureml.pipeline.core import Schedule

        schedules = Schedule.list(case.workspace(), active_only=False)
        kinds = sorted((item.name, item.status, item.datastore_name is not None) for item in schedules)
        assert kinds == sorted(
            [
                ("My_Updated_Schedule", "Disabled", False),
                ("My_Schedule", "Disabled", True),
                ("My_Endpoint_Schedule", "Active", False),
            ]
            * 2
        ), kinds

    def works_status_and_frequency_as_printed(self, case: Case) -> None:
        told = [line.rpartition(": ")[2] for line in case.first.output.splitlines() if "status is" in line]
        assert told == ["Disabled", "Active", "Active", "Disabled"], told  # the third looks at another schedule
        assert "New name: My_Updated_Schedule" in case.first.output and "New frequency: Hour" in case.first.output
        assert "Count: 1" in case.first.output

    def works_recurrences_are_the_matching_times(self, case: Case) -> None:
        from datetime import UTC, datetime, timedelta
        from itertools import islice

        from mlsteps.registry import schedules
        from mlsteps.schedules.rule import fires

        store, now = case.store, datetime.now(UTC)
        rules = {item["name"]: schedules.rule_of(item) for item in schedules.list_schedules(store, active_only=False)}
        times = list(islice(fires(rules["My_Endpoint_Schedule"], now), 3))
        assert {(time.hour, time.minute) for time in times} == {(22, 30)}
        assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(days=2)}
        times = list(islice(fires(rules["My_Updated_Schedule"], now), 3))
        assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(hours=2)}


class Endpoints(Row):
    """Versions behind one endpoint; its runs fail, as they do in the original."""

    statuses = ("Failed",)

    def between(self, case: Case) -> None:
        """An endpoint's name is taken, in the original too: the one of the first time gives way."""
        from azureml.pipeline.core import PipelineEndpoint

        PipelineEndpoint.get(case.workspace(), name="NewName").set_name("Earlier")

    def works_versions_and_name(self, case: Case) -> None:
        from azureml.pipeline.core import PipelineEndpoint

        endpoint = PipelineEndpoint.get(case.workspace(), name="NewName")
        assert sorted(item.version for item in endpoint.list_versions()) == ["0", "1"]
        assert endpoint.get_default_version() == "1"
        assert endpoint.get_pipeline("0").id != endpoint.get_pipeline().id

    def works_addresses_by_id_and_by_name(self, case: Case) -> None:
        (address,) = re.findall(r"HTTP POST on URL (\S+) to trigger", case.first.output)
        assert address.endswith("Name?name=NewName&pipelineVersion=0"), address
        assert "/Id/" in case.first.output

    def works_every_way_to_call_gives_a_run_that_fails(self, case: Case) -> None:
        experiments = sorted(run.experiment for run in case.first.runs)
        assert len(experiments) == 4 and experiments.count("NewName") == 2, experiments
        assert {run.status for run in case.first.runs} == {"Failed"}


class Drafts(Row):
    """A draft, updated, submitted and published."""

    statuses = ("Failed",)

    def works_listed_by_its_tag(self, case: Case) -> None:
        from azureml.pipeline.core import PipelineDraft

        drafts = PipelineDraft.list(case.workspace(), tags={"dev": "true"})
        assert len(drafts) == 2 and {draft.name for draft in drafts} == {"UpdatedPipelineDraft"}
        assert PipelineDraft.list(case.workspace(), tags={"dev": "no"}) == []

    def works_only_the_new_step_ran(self, case: Case) -> None:
        assert [list(run.steps) for run in case.first.runs] == [["New_Training_Step"]]

    def works_publish_gives_an_id(self, case: Case) -> None:
        from azureml.pipeline.core import PublishedPipeline

        assert len({item.id for item in PublishedPipeline.list(case.workspace())}) == 2


class TrainAndRegister(Row):
    """A code base with its own ``.env``: one pipeline is published, then submitted by another script.

    The second time its model is no better, so the evaluate step cancels the run.
    """

    executions = 4
    statuses = ("Completed", "Canceled")

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

    def _runs(self, case: Case) -> list[PipelineView]:
        return [run for execution in case.executions for run in execution.runs]

    def works_submitted_with_its_parameters(self, case: Case) -> None:
        runs = self._runs(case)
        assert len(runs) == 2 and runs[0].status == "Completed", [run.status for run in runs]
        assert (case.runs.head(runs[0].id) or {})["parameters"]["model_name"] == "diabetes_regression_model.pkl"
        assert case.runs.state(runs[0].id).tags["BuildId"] == "001"

    def works_metrics_on_the_parent(self, case: Case) -> None:
        assert "mse" in self._runs(case)[0].metrics

    def works_model_registered_with_tags_and_dataset(self, case: Case) -> None:
        from azureml.core import Model, Workspace

        (model,) = Model.list(Workspace.get(case.workspace_name, subscription_id="s", resource_group="acceptance"))
        assert model.tags["BuildId"] == "001" and float(model.tags["mse"]) > 0 and model.datasets

    def works_a_worse_model_cancels_the_run(self, case: Case) -> None:
        second = self._runs(case)[1]
        register = second.steps.get("Register Model ")
        assert second.status == "Canceled" and (register is None or register.status == "Canceled"), second


class BatchScoreCopy(Row):
    """Mini-batches, then a copy step with empty arguments; one script publishes, another one submits."""

    now, waits_for = "L1", "ParallelRunStep"
    executions = 4

    def supply(self, case: Case) -> None:
        TrainAndRegister().supply(case)

    def run(self, case: Case) -> None:
        for _ in range(2):
            if case.execute().code or case.execute("ml_service/pipelines/run_parallel_batchscore_pipeline.py").code:
                return

    def works_pipeline_id_is_told(self, case: Case) -> None:
        assert "##vso[" in case.first.output

    def works_a_line_for_each_row(self, case: Case) -> None:
        (result,) = sorted((case.blob / "azureml").rglob("parallel_run_step.txt"))[:1]
        rows = (case.tree / "data" / "diabetes.csv").read_text().splitlines()[1:]
        assert len(result.read_text().splitlines()) == len(rows)

    def works_copy_step_takes_empty_arguments(self, case: Case) -> None:
        (run,) = case.executions[1].runs
        (copy,) = [step for name, step in run.steps.items() if "copy" in name.lower()]
        assert copy.status == "Completed" and "Not going to copy" in case.log(copy)


ROWS: dict[str, Row] = {
    "V04": Schedules(),
    "V05": Endpoints(),
    "V14": Drafts(),
    "V15": TrainAndRegister(),
    "V16": BatchScoreCopy(),
}
