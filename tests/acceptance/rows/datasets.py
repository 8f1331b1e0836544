"""V03, V06, V07, V08, V20: datasets into steps and out of them."""

from __future__ import annotations

from tests.acceptance import data
from tests.acceptance.harness import Case, PipelineView, Row
from tests.acceptance.rows.first_steps import TITANIC_URL

IRIS_URL = (
    "https://raw.githubusercontent.com/Azure/MachineLearningNotebooks/4e7b3784d50e81c313c62bcdf9a330194153d9cd/"
    "how-to-use-azureml/work-with-data/datasets-tutorial/train-with-datasets/train-dataset/iris.csv"
)


class PublishAndCall(Row):
    """Datasets of one file, outputs as datasets; published twice, called over REST."""

    def supply(self, case: Case) -> None:
        case.web(TITANIC_URL).write_text(data.titanic())

    def works_one_file_mounts_as_that_file(self, case: Case) -> None:
        step = case.first.run("Pipeline_experiment_sample").steps["train.py"]
        assert step.status == "Completed" and "Titanic.csv" in case.log(step)

    def works_two_published_pipelines(self, case: Case) -> None:
        from azureml.pipeline.core import PublishedPipeline

        names = [item.name for item in PublishedPipeline.list(case.workspace())]
        assert names.count("My_New_Pipeline") == names.count("My_New_Pipeline2") == len(case.executions)

    def works_published_pipeline_is_got_by_id(self, case: Case) -> None:
        assert "You can perform HTTP POST on URL" in case.first.output

    def works_posted_run_has_its_parameter(self, case: Case) -> None:
        assert "45" in case.log(case.first.run("My_Pipeline1").steps["compare.py"])

    def works_one_more_version_a_run(self, case: Case) -> None:
        dataset = case.workspace().datasets["compare_result"]
        ran = [run for run in case.first.runs if not run.steps["compare.py"].reused]
        assert dataset.version >= len(ran) > 0


class DatasetParameter(Row):
    """File and tabular datasets as pipeline parameters."""

    def supply(self, case: Case) -> None:
        case.web(TITANIC_URL).write_text(data.titanic())
        case.web(IRIS_URL).write_text(data.iris())

    def _logs(self, case: Case) -> list[str]:
        runs = [run for run in case.first.runs if run.experiment == "showcasing-dataset"]
        assert [run.status for run in runs] == ["Completed", "Completed"], runs
        return [case.log(run.steps["train_step"]) for run in runs]

    def works_first_run_sees_titanic_in_both(self, case: Case) -> None:
        log = self._logs(case)[0]
        assert data.titanic() in log and "[60 rows x 12 columns]" in log

    def works_second_run_sees_iris_in_both(self, case: Case) -> None:
        log = self._logs(case)[1]
        assert data.iris() in log and "[150 rows x 5 columns]" in log

    def works_published_run_and_rest_run_finish(self, case: Case) -> None:
        assert case.first.run("publishedexperiment").status == "Completed"
        assert case.first.run("MyRestPipeline").status == "Completed"


class DataPathParameter(Row):
    """DataPath and text parameters."""

    def supply(self, case: Case) -> None:
        assert case.store.root
        for number in (1, 2, 3):
            (case.blob / f"sample_datapath{number}").mkdir(parents=True, exist_ok=True)

    def _shows(self, case: Case, run: PipelineView, number: int) -> None:
        log = case.log(run.steps["train_step"])
        assert run.status == "Completed" and f"Sample string argument  : sample_string{number}\n" in log
        (line,) = [line for line in log.splitlines() if line.startswith("Sample datapath argument:")]
        assert line.endswith(f"sample_datapath{number}") or "None" not in line, line

    def works_first_two_runs_see_their_parameters(self, case: Case) -> None:
        runs = [run for run in case.first.runs if run.experiment == "showcasing-datapath"]
        for number, run in enumerate(runs[:2], 1):
            self._shows(case, run, number)
        assert len(runs) >= 2

    def works_rest_run_sees_its_parameters(self, case: Case) -> None:
        self._shows(case, case.first.run("MyRestPipeline"), 3)

    def works_schedule_by_data_was_made_and_disabled(self, case: Case) -> None:
        from azureml.pipeline.core import Schedule

        schedules = Schedule.list(case.workspace(), active_only=False)
        assert schedules and all(item.status == "Disabled" for item in schedules)


class ImageClassification(Row):
    """A public folder mounted, an output registered, a tabular view of it in the next step, a model."""

    def supply(self, case: Case) -> None:
        folder = case.web("https://azuremldownloads.blob.core.windows.net/demo/mnist-fashion/x").parent
        data.idx_files(folder, 60000, 10000)

    def _run(self, case: Case) -> PipelineView:
        return case.first.run("keras-mnist-fashion")

    def works_dataset_and_output_are_paths(self, case: Case) -> None:
        assert self._run(case).steps["prepare step"].status == "Completed"

    def works_output_registered_as_two_csv_files(self, case: Case) -> None:
        dataset = case.workspace().datasets["prepared_fashion_ds"]
        assert sorted(dataset.to_path()) == ["/mnist_test.csv", "/mnist_train.csv"]

    def works_input_is_tabular_and_splits(self, case: Case) -> None:
        assert self._run(case).steps["train step"].status == "Completed"

    def works_metrics_are_kept(self, case: Case) -> None:
        metrics = self._run(case).steps["train step"].metrics
        assert len(metrics["Loss"]) == 10 and metrics["Final test accuracy"] == 0.75, metrics

    def works_input_dataset_registers_again(self, case: Case) -> None:
        dataset = case.workspace().datasets["fashion_ds"]
        assert len(dataset.to_path()) == 4

    def works_model_registered_with_its_dataset(self, case: Case) -> None:
        from azureml.core import Model

        model = Model(case.workspace(), "keras-model")
        (named,) = model.datasets.values()
        assert [item.name for item in named] == ["fashion_ds"]


class TaxiRegression(Row):
    """Seven data steps; AutoML is a stand-in here (see ``stubs/authoring``)."""

    has_stand_ins = True

    names = (
        "Cleanse Green Taxi Data",
        "Cleanse Yellow Taxi Data",
        "Merge Taxi Data",
        "Filter Taxi Data",
        "Normalize Taxi Data",
        "Transform Taxi Data",
        "Train Test Data Split",
    )

    def works_text_under_a_parquet_name(self, case: Case) -> None:
        frame = case.workspace().datasets["green_taxi_data"].take(5).to_pandas_dataframe()
        assert len(frame) == 5 and "tripDistance" in frame.columns

    def works_data_steps_in_the_order_of_their_data(self, case: Case) -> None:
        steps = case.first.run("NYCTaxi_Tutorial_Pipelines").steps
        assert {steps[name].status for name in self.names} == {"Completed"}
        ended = [steps[name].ended for name in self.names[2:]]
        started = [steps[name].started for name in self.names[3:]]
        assert all(end <= start for end, start in zip(ended, started, strict=False))

    def works_cleanse_steps_in_parallel(self, case: Case) -> None:
        steps = case.first.run("NYCTaxi_Tutorial_Pipelines").steps
        green, yellow = (steps[name] for name in self.names[:2])
        assert green.started < yellow.ended and yellow.started < green.ended

    def works_parsed_outputs_arrive_as_tables(self, case: Case) -> None:
        import pandas

        parts = list((case.blob / "azureml").rglob("merged_data/processed.parquet"))
        assert len(parts) == len(case.executions)
        assert all(len(pandas.read_parquet(part)) > 5000 for part in parts)

    def works_automl_stand_in_gets_the_columns_it_asked_for(self, case: Case) -> None:
        step = case.first.run("NYCTaxi_Tutorial_Pipelines").steps["AutoML_Regression"]
        assert step.metrics["columns"] == "cost,distance,passengers,pickup_hour,pickup_weekday,vendor"


ROWS: dict[str, Row] = {
    "V03": PublishAndCall(),
    "V06": DatasetParameter(),
    "V07": DataPathParameter(),
    "V08": ImageClassification(),
    "V20": TaxiRegression(),
}
