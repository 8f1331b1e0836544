"""V01, V02, V13: steps, data between them, modules."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance import data
from tests.acceptance.harness import Case, Row

TITANIC_URL = "https://dprepdata.blob.core.windows.net/demo/Titanic.csv"


class GettingStarted(Row):
    """Three steps without data, then the same three in a chain."""

    def supply(self, case: Case) -> None:
        case.web(TITANIC_URL).write_text(data.titanic())

    def works_file_in_the_blob_datastore(self, case: Case) -> None:
        assert (case.blob / "titanic" / "Titanic.csv").read_text() == data.titanic()

    def works_three_steps_none_waits_for_another(self, case: Case) -> None:
        run = case.first.run("Hello_World1")
        assert {step.status for step in run.steps.values()} == {"Completed"} and len(run.steps) == 3
        head = case.runs.head(run.id) or {}
        assert not any((head.get("upstream") or {}).values())

    def works_chain_from_its_last_step(self, case: Case) -> None:
        run = case.first.run("Hello_World2")
        chain = [run.steps[name] for name in ("train_step", "compare_step", "extract_step")]
        assert run.status == "Completed" and len(run.steps) == 3
        upstream = (case.runs.head(run.id) or {})["upstream"]
        by_id = {(case.runs.head(step.id) or {})["step"]: step.name for step in chain}
        assert {by_id[id]: [by_id[other] for other in others] for id, others in upstream.items()} == {
            "compare_step": ["train_step"],
            "extract_step": ["compare_step"],
        }

    def works_children_have_names_and_status_and_details_are_shown(self, case: Case) -> None:
        from azureml.widgets import RunDetails

        run = case.workspace().get_run(case.first.run("Hello_World1").id)
        children = {child.name: child.get_status() for child in run.get_children()}
        assert children == dict.fromkeys(("train_step", "compare_step", "extract_step"), "Finished"), children
        RunDetails(run).show()
        assert "Hello_World1" in case.first.output

    def works_second_submission_reuses_all(self, case: Case) -> None:
        for experiment in ("Hello_World1", "Hello_World2"):
            reused = case.second.run(experiment).reused
            assert len(reused) == 3 and all(reused.values()), (experiment, reused)


class DataDependency(Row):
    """PipelineData between steps; a DataPath as parameter."""

    experiment = "Data_dependency_sample"

    def works_closure_over_data(self, case: Case) -> None:
        run = case.first.run(self.experiment)
        assert sorted(run.steps) == ["compare.py", "extract.py", "train.py"], sorted(run.steps)

    def works_empty_outputs_are_recorded(self, case: Case) -> None:
        run = case.first.run(self.experiment)
        outputs = {name: list(step.outputs) for name, step in run.steps.items()}
        assert outputs == {
            "train.py": ["processed_data1"],
            "extract.py": ["processed_data2"],
            "compare.py": ["processed_data3"],
        }

    def works_port_references_are_printed(self, case: Case) -> None:
        for number in (1, 2, 3):
            assert f"\tname: processed_data{number}\n" in case.first.output
        assert case.first.output.count("\tdatastore: workspaceblobstore\n") == 3
        assert case.first.output.count("\tpath on datastore: azureml/") == 3

    def works_the_step_named_after_its_script_downloads_nothing(self, case: Case) -> None:
        run = case.workspace().get_run(case.first.run(self.experiment).id)
        (step,) = run.find_step_run("train.py")
        assert step.get_output_data("processed_data1").download(str(case.folder / "downloaded")) == 0

    def works_second_run_reuses_all(self, case: Case) -> None:
        reused = case.second.run(self.experiment).reused
        assert len(reused) == 3 and all(reused.values()), reused


class Modules(Row):
    """Three ModuleSteps of two versions of a module; outputs that are files."""

    def works_two_versions(self, case: Case) -> None:
        from azureml.pipeline.core.module import Module

        module = Module.get(case.workspace(), name="AddAndMultiply")
        assert module.default_version == "2"
        assert sorted(version.version for version in module.module_version_list()) == ["1", "2"]

    def works_sum_and_product(self, case: Case) -> None:
        run = case.first.run("testmodulestesp")
        assert len(run.steps) == 3
        texts = {file.name: file.read_text() for file in (case.blob / "azureml").rglob("end_*")}
        assert texts == {"end_sum": "699", "end_prod": "34238"}, texts

    def works_outputs_are_files(self, case: Case) -> None:
        names = "sum_out", "prod_out", "middle_sum", "middle_prod", "end_sum", "end_prod"
        for name in names:
            found: list[Path] = list((case.blob / "azureml").rglob(name))
            assert found and all(path.is_file() for path in found), name

    def works_second_run_reuses_all(self, case: Case) -> None:
        # Module.create gives a second module of that name; what the steps run is the same.
        reused = case.second.runs[0].reused if case.second.runs else {}
        assert reused and all(reused.values()), reused


ROWS: dict[str, Row] = {"V01": GettingStarted(), "V02": DataDependency(), "V13": Modules()}
