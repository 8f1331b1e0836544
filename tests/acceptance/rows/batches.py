"""V09, V10, V11, V12, V17, V18, V19: mini-batches and hyperparameter search."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from mlsteps.environments.virtual import prepare
from tests.acceptance import data
from tests.acceptance.harness import Case, Execution, Row

MINI_BATCHES, SEARCH = "ParallelRunStep", "HyperDriveStep"
_ACCOUNT = "https://pipelinedata.blob.core.windows.net"
_RETRAIN = """
import pickle, sys
import pandas
from sklearn.linear_model import LogisticRegression

frame = pandas.read_csv(sys.argv[1])
model = LogisticRegression(max_iter=1000).fit(frame.iloc[:, :4].values, frame.iloc[:, 4].values)
with open(sys.argv[2], "wb") as file:
    pickle.dump(model, file)
"""


def output_files(case: Case, name: str) -> list[Path]:
    """Files of that name among the pipeline outputs in the default datastore, newest last."""
    found = (case.blob / "azureml").rglob(name)
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def rows_of(path: Path) -> list[list[str]]:
    """The blank-separated fields of each line."""
    return [line.split() for line in path.read_text().splitlines() if line.strip()]


class IrisInference(Row):
    """A table in pieces of one kilobyte."""

    now, waits_for = "L1", MINI_BATCHES

    def supply(self, case: Case) -> None:
        table = case.web(f"{_ACCOUNT}/sampledata/iris/iris.csv")
        table.write_text(data.iris())
        script = case.folder / "retrain.py"
        script.write_text(_RETRAIN)
        packages = ["numpy==1.19.5", "pandas==1.4.4", "scikit-learn==0.22.2"]
        environment = {"python": {"conda": {"dependencies": ["python=3.8", {"pip": packages}]}}}
        with case.surroundings.as_own():
            python = prepare(environment, print).path
        model = case.web(f"{_ACCOUNT}/iris-model/iris_model.pkl/iris_model.pkl")
        subprocess.run([python, str(script), str(table), str(model)], check=True)

    def works_150_rows_of_5_fields(self, case: Case) -> None:
        rows = rows_of(output_files(case, "iris_outputs.txt")[0])
        assert len(rows) == 150 and {len(row) for row in rows} == {5}

    def works_entry_script_logs(self, case: Case) -> None:
        assert case.first.run("iris-prs").steps["example-iris"].status == "Completed"

    def works_more_than_one_mini_batch(self, case: Case) -> None:
        step = case.first.run("iris-prs").steps["example-iris"]
        assert len(case.runs.children(step.id)) > 1 or case.log(step).count("run method start") > 1


class PartitionPerFolder(Row):
    """Mini-batches by the folders of a partition format."""

    now, waits_for = "L1", MINI_BATCHES

    def works_partition_keys_read_back(self, case: Case) -> None:
        from azureml.core import Dataset

        place = (case.workspace().get_default_datastore(), "dataset_partition_test/*/*/*.wav")
        format = "dataset_partition_test/{user}/{season}/{genres}.wav"
        assert Dataset.File.from_files(place, partition_format=format).partition_keys == ["user", "season", "genres"]

    def works_partition_key_values_arrive(self, case: Case) -> None:
        lines = output_files(case, "file_size_outputs.txt")[0].read_text().splitlines()
        rows = [line.split(",") for line in lines]
        assert len(rows) == 6 and {len(row) for row in rows} == {6}, rows
        assert all(int(row[5]) >= int(row[1]) for row in rows)


class PartitionPerColumn(Row):
    """``TabularDataset.partition_by``, and a mini-batch a partition."""

    now, waits_for = "L1", MINI_BATCHES
    url = (
        "https://raw.githubusercontent.com/Azure/azureml-examples/main/sdk/python/jobs/automl-standalone-jobs/"
        "automl-forecasting-orange-juice-sales/data/dominicks_OJ.csv"
    )

    def supply(self, case: Case) -> None:
        case.web(self.url).write_text(data.orange_juice())

    def works_a_folder_for_each_pair(self, case: Case) -> None:
        files = [path for path in case.blob.rglob("*") if path.is_file() and "partition_by_key_res" in path.parts]
        pairs = {path.parent.relative_to(path.parents[2]) for path in files}
        assert len(pairs) == len(data.STORES) * len(data.BRANDS), pairs

    def works_one_mini_batch_a_pair_and_every_row(self, case: Case) -> None:
        rows = rows_of(output_files(case, "revenue_outputs.txt")[0])
        assert len(rows) == len(data.orange_juice().splitlines()) - 1
        sums: dict[tuple[str, str], float] = {}
        for row in rows:
            sums[row[1], row[2]] = sums.get((row[1], row[2]), 0.0) + float(row[9])
        assert all(abs(float(row[-1]) - sums[row[1], row[2]]) < 1e-3 for row in rows)


class HyperparameterSearch(Row):
    """Random sampling, then a step with the best model."""

    now, waits_for = "L1", SEARCH

    def supply(self, case: Case) -> None:
        place = "https://azureopendatastorage.blob.core.windows.net/mnist"
        data.mnist_archives(case.web(f"{place}/x").parent, 200)

    def works_four_children_with_their_metric(self, case: Case) -> None:
        step = case.first.run("Hyperdrive_sample").steps["hd_step01"]
        children = [case.runs.state(child).metrics for child in case.runs.children(step.id)]
        assert len(children) == 4 and all("validation_acc" in metrics for metrics in children)

    def works_metrics_by_child_run(self, case: Case) -> None:
        found = [path for path in case.cwd.rglob("metrics_data*") if path.is_file()]
        assert any(len(json.loads(path.read_text())) == 4 for path in found)

    def works_best_model_registered(self, case: Case) -> None:
        from azureml.core import Model

        assert Model.list(case.workspace())


class ManyModels(Row):
    """One model for each file."""

    now, waits_for = "L1", MINI_BATCHES

    def supply(self, case: Case) -> None:
        from azureml.core import Dataset
        from azureml.core.compute import AmlCompute, ComputeTarget

        ws = case.workspace()
        ComputeTarget.create(ws, "cpucluster", AmlCompute.provisioning_configuration("STANDARD_D13_V2", max_nodes=4))
        for name, first, weeks in (("oj_data_small_train", 0, 100), ("oj_data_small_inference", 100, data.WEEKS)):
            folder = case.folder / "data" / name
            data.orange_juice_files(folder, first, weeks)
            store = ws.get_default_datastore()
            store.upload(str(folder), target_path=name, overwrite=True, show_progress=False)
            Dataset.File.from_files(store.path(name)).register(ws, name, create_new_version=True)

    def works_one_line_a_file(self, case: Case) -> None:
        assert len(rows_of(output_files(case, "parallel_run_step.txt")[0])) == len(data.STORES) * len(data.BRANDS)

    def works_16_fields_and_arguments_whole(self, case: Case) -> None:
        assert "Number of Models: 10" in case.first.output
        assert {len(row) for row in rows_of(output_files(case, "parallel_run_step.txt")[0])} >= {16}

    def works_a_model_for_each_series(self, case: Case) -> None:
        from azureml.core import Model

        assert len({model.name for model in Model.list(case.workspace())}) == len(data.STORES) * len(data.BRANDS)


class ManyForecasts(Row):
    """Forecasts with the models of the training pipeline, and their copy elsewhere."""

    now, waits_for = "L1", MINI_BATCHES

    def works_a_line_for_each_week(self, case: Case) -> None:
        rows = rows_of(output_files(case, "parallel_run_step.txt")[-1])
        assert len(rows) == len(data.STORES) * len(data.BRANDS) * data.WEEKS

    def works_copied_predictions(self, case: Case) -> None:
        assert case.first.run("forecasting_pipeline").steps["copy_predictions"].status == "Completed"


class BatchScoring(Row):
    """Pictures with a side input mounted at a given path; then published."""

    now, waits_for = "L1", MINI_BATCHES

    def supply(self, case: Case) -> None:
        for number in range(10):
            case.web(f"{_ACCOUNT}/sampledata/batchscoring/images/{number}.jpg").write_bytes(data.tiny_jpeg())
        labels = "\n".join(f"label {number}" for number in range(1001)) + "\n"
        case.web(f"{_ACCOUNT}/sampledata/batchscoring/labels/labels.txt").write_text(labels)
        archive = case.web("https://download.tensorflow.org/models/inception_v3_2016_08_28.tar.gz")
        with tarfile.open(archive, "w:gz") as made:
            about = tarfile.TarInfo("inception_v3.ckpt")
            about.size = 7
            made.addfile(about, io.BytesIO(b"weights"))

    def works_ten_lines(self, case: Case) -> None:
        lines = output_files(case, "parallel_run_step.txt")[0].read_text().splitlines()
        assert len(lines) == 10 and all(": " in line for line in lines)

    def works_rest_run(self, case: Case) -> None:
        assert len(_completed([case.first])) >= 2


def _completed(executions: Iterable[Execution]) -> list[str]:
    return [run.id for execution in executions for run in execution.runs if run.status == "Completed"]


ROWS: dict[str, Row] = {
    "V09": IrisInference(),
    "V10": PartitionPerFolder(),
    "V11": PartitionPerColumn(),
    "V12": HyperparameterSearch(),
    "V17": ManyModels(),
    "V18": ManyForecasts(),
    "V19": BatchScoring(),
}
