"""The pipeline of the reuse tests: prepare -> train a, train b -> compare, with real data in a datastore."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from azureml.core import Dataset, Environment, Experiment
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData, PipelineRun
from azureml.pipeline.steps import PythonScriptStep

SCRIPTS = {
    "prepare": """
import os, sys
from azureml.core import Run
note = open(os.environ["NOTES"], "a"); note.write("prepare\\n"); note.close()
raw = Run.get_context().input_datasets["raw"]
text = "".join(open(os.path.join(raw, name)).read() for name in sorted(os.listdir(raw)))
with open(os.path.join(sys.argv[1], "clean.txt"), "w") as file:
    file.write(text.upper())
""",
    "train": """
import os, sys
family, prepared, model = sys.argv[1:]
note = open(os.environ["NOTES"], "a"); note.write("train " + family + "\\n"); note.close()
text = open(os.path.join(prepared, "clean.txt")).read()
os.makedirs(model)
with open(os.path.join(model, "model.txt"), "w") as file:
    file.write(family + " of " + text)
print("trained", family)
""",
    "compare": """
import os, sys
note = open(os.environ["NOTES"], "a"); note.write("compare\\n"); note.close()
models = [open(os.path.join(folder, "model.txt")).read() for folder in sys.argv[1:3]]
with open(os.path.join(sys.argv[3], "report.txt"), "w") as file:
    file.write("\\n".join(models))
""",
}
STEPS = ("prepare", "train a", "train b", "compare")


def run_config(notes: Path, **variables: str) -> RunConfiguration:
    """Runs a step with this Python, nothing installed; ``NOTES`` is the file in which scripts note that they ran."""
    environment = Environment("here")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    config = RunConfiguration()
    config.environment = environment
    config.environment_variables = {"NOTES": str(notes), **variables}
    return config


def executions(notes: Path) -> list[str]:
    """The lines that scripts have noted, one for each time that one ran; sorted, since some run side by side."""
    return sorted(notes.read_text().splitlines()) if notes.exists() else []


class Chain:
    """The pipeline in a workspace. Its sources lie in ``folder/source``, its data in the default datastore."""

    def __init__(self, ws: Any, folder: Path, experiment: str) -> None:
        self.ws = ws
        self.experiment = experiment
        self.notes = folder / "notes"
        self.sources = folder / "source"
        for name, script in SCRIPTS.items():
            (self.sources / name).mkdir(parents=True)
            (self.sources / name / f"{name}.py").write_text(script)
        data = folder / "data"
        data.mkdir()
        (data / "one.txt").write_text("first line\n")
        (data / "two.txt").write_text("second line\n")
        ws.get_default_datastore().upload(str(data), "raw", show_progress=False)

    @property
    def raw(self) -> Path:
        """The data as it lies in the datastore."""
        return self.stored("raw")

    def pipeline(self, *, raw_name: str = "raw", input_name: str = "prepared", fresh: str = "") -> Pipeline:
        """The pipeline.

        :param input_name: of train's input; :param fresh: name of a step that allows no reuse.
        """
        store = self.ws.get_default_datastore()
        raw = Dataset.File.from_files([(store, "raw/")])
        prepared = OutputFileDatasetConfig("prepared", destination=(store, "prepared/{run-id}"))
        prepared = prepared.register_on_complete("prepared")
        report = OutputFileDatasetConfig("report").register_on_complete("report")
        models = {family: PipelineData(f"model_{family}", datastore=store) for family in "ab"}
        config = run_config(self.notes)

        def step(name: str, script: str, arguments: list[Any], **options: Any) -> PythonScriptStep:
            return PythonScriptStep(
                f"{script}.py",
                name=name,
                arguments=arguments,
                source_directory=str(self.sources / script),
                compute_target="cpu",
                runconfig=config,
                allow_reuse=name != fresh,
                **options,
            )

        prepare = step("prepare", "prepare", [prepared], inputs=[raw.as_named_input(raw_name).as_mount()])
        training = [
            step(
                f"train {family}",
                "train",
                [family, prepared.as_input(input_name).as_download(), model],
                outputs=[model],
            )
            for family, model in models.items()
        ]
        compare = step("compare", "compare", [*models.values(), report], inputs=list(models.values()))
        return Pipeline(self.ws, [prepare, training, compare])

    def stored(self, path: str) -> Path:
        """A file of the default datastore."""
        return Path(self.ws._store().root, "stores", "workspaceblobstore", path)

    def dataset(self, name: str) -> Any:
        """The latest version of a registered dataset."""
        return Dataset.get_by_name(self.ws, name)

    def text(self, name: str, path: str) -> str:
        """A file of the latest version of a registered dataset."""
        with tempfile.TemporaryDirectory() as folder:
            (found,) = self.dataset(name).download(folder)
            assert found.endswith(path)
            return Path(found).read_text()

    def run(self, pipeline: Pipeline | None = None, *, show_output: bool = False, **options: Any) -> PipelineRun:
        """Submit it and wait for a good end."""
        run = Experiment(self.ws, self.experiment).submit(pipeline or self.pipeline(), **options)
        assert run.wait_for_completion(show_output=show_output) == "Finished"
        return run

    def since(self, before: list[str]) -> list[str]:
        """What has run since ``executions`` answered ``before``."""
        now = executions(self.notes)
        for line in before:
            now.remove(line)
        return now
