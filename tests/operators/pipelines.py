"""Small real pipelines: their scripts run in this Python and note each execution in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlsteps.contracts.graph import InputPort, OutputPort, Parameter, PipelineGraph, StepNode

#: Installs nothing: the interpreter that runs the tests.
PYTHON = {"name": "here", "python": {"user_managed_dependencies": True}}

PREPARE = """
import os, sys
notes, out, text = sys.argv[1:4]
open(os.path.join(notes, "prepare"), "a").write("x")
os.makedirs(out, exist_ok=True)
open(os.path.join(out, "data.txt"), "w").write(text.strip())
print("prepared", text)
"""
TRAIN = """
import os, sys
notes, data, out = sys.argv[1:4]
open(os.path.join(notes, "train"), "a").write("x")
os.makedirs(out, exist_ok=True)
text = open(os.path.join(data, "data.txt")).read()
open(os.path.join(out, "model.txt"), "w").write("model of " + text)
"""


class TwoSteps:
    """prepare -> train. ``text`` is a parameter; blanks around it change prepare's arguments but not its output."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "workspace"
        self.notes = folder / "notes"
        self.sources = {name: folder / "source" / name for name in ("prepare", "train")}
        self.notes.mkdir()
        for name, script in (("prepare", PREPARE), ("train", TRAIN)):
            self.sources[name].mkdir(parents=True)
            (self.sources[name] / f"{name}.py").write_text(script)

    def graph(self, *, input_name: str = "data", register: str | None = None, **prepare: Any) -> PipelineGraph:
        registration = {"name": register} if register else None
        steps = (
            StepNode(
                id="prepare",
                name="Prepare data",
                script="prepare.py",
                arguments=(str(self.notes), {"output": "clean"}, {"parameter": "text"}),
                outputs=(OutputPort("clean", register=registration),),
                source_directory=str(self.sources["prepare"]),
                environment="here",
                **prepare,
            ),
            StepNode(
                id="train",
                name="train",
                script="train.py",
                arguments=(str(self.notes), {"input": input_name}, {"output": "model"}),
                inputs=(InputPort(input_name, {"step": "prepare", "output": "clean"}),),
                outputs=(OutputPort("model"),),
                source_directory=str(self.sources["train"]),
                environment="here",
            ),
        )
        return PipelineGraph(
            steps=steps,
            workspace={"name": "tests", "root": str(self.root)},
            parameters=(Parameter("text", "string", "hello"),),
            environments={"here": PYTHON},
        )

    def executions(self) -> dict[str, int]:
        """How often each script has really run."""
        counts = {name: self.notes / name for name in self.sources}
        return {name: path.stat().st_size if path.exists() else 0 for name, path in counts.items()}
