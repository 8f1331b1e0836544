"""One row of a manifest: its sources are extracted, run twice through ``mlsteps run``, and looked at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mlsteps.registry.pipeline_status import attempts, pipeline_status
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore
from tests.acceptance.surroundings import Surroundings

#: Seconds for one execution of a notebook.
TIMEOUT = 600.0
LEVELS = ("none", "L1", "L2", "L3")


class StepView(NamedTuple):
    """A step's newest attempt."""

    id: str
    name: str
    status: str
    reused: bool
    metrics: Mapping[str, Any]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    error: Any
    started: float
    ended: float


class PipelineView(NamedTuple):
    """A pipeline run when it has ended."""

    id: str
    experiment: str
    status: str
    metrics: Mapping[str, Any]
    error: Any
    steps: dict[str, StepView]

    @property
    def reused(self) -> dict[str, bool]:
        """Which steps were reused, by name."""
        return {name: step.reused for name, step in self.steps.items()}


class Execution(NamedTuple):
    """How ``mlsteps run`` of the entry ended, and the pipeline runs it started, oldest first."""

    code: int
    output: str
    runs: list[PipelineView]

    def run(self, experiment: str) -> PipelineView:
        """The only run of an experiment."""
        (found,) = [run for run in self.runs if run.experiment == experiment]
        return found


class Case:
    """A row's sources and workspace.

    :param row: of the manifest; :param folder: for its files; :param root: of its workspace, which rows may share.
    """

    def __init__(self, row: Mapping[str, Any], folder: Path, root: Path, surroundings: Surroundings) -> None:
        self.row = row
        self.folder = folder
        self.root = root
        self.surroundings = surroundings
        self.tree = folder / "tree"
        self.source = self.tree
        self.environ: dict[str, str] = {}
        self.executions: list[Execution] = []
        self.report: dict[str, Any] = {}

    # -- before

    def extract(self, git_dir: Path, tools: Path) -> None:
        """The sources as they are in the repository, and the notebook's cells as a script."""
        row = self.row
        command = [sys.executable, str(tools / "nbextract.py"), "--git-dir", str(git_dir), "--rev", row["commit"]]
        command += ["--path", row["path"], "--out", str(self.folder)]
        command += [word for name in ("scope", "cwd") if row.get(name) for word in (f"--{name}", row[name])]
        subprocess.run(command, check=True, capture_output=True, text=True)
        self.report = json.loads((self.folder / "report.json").read_text())
        assert self.report["parses"], self.report
        self.source = self.tree / self.report["entry"]
        config = {
            "subscription_id": "11111111-2222-3333-4444-555555555555",
            "resource_group": "acceptance",
            "workspace_name": self.workspace_name,
            "root": str(self.root),
        }
        (self.cwd / "config.json").write_text(json.dumps(config))

    @property
    def workspace_name(self) -> str:
        """Name of the workspace."""
        return self.root.name

    @property
    def cwd(self) -> Path:
        """Where the entry is run."""
        return self.tree / self.report["cwd"]

    @property
    def store(self) -> WorkspaceStore:
        """The workspace's store, made when it is not there yet."""
        from mlsteps.registry.workspaces import open_workspace

        return open_workspace(
            {
                "name": self.workspace_name,
                "root": str(self.root),
                "subscription_id": "11111111-2222-3333-4444-555555555555",
                "resource_group": "acceptance",
            }
        )

    @property
    def blob(self) -> Path:
        """The folder of the default datastore."""
        return self.root / "stores" / "workspaceblobstore"

    def web(self, url: str) -> Path:
        """The file that is served at an https address; its folder exists."""
        file = self.surroundings.web / url.removeprefix("https://")
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    # -- running

    def execute(self, entry: str | None = None, *, module: bool = False) -> Execution:
        """Run the entry (or another script of the tree) and keep what came of it."""
        self.surroundings.start_server()
        before = set(self._pipeline_runs())
        environ = {**self.surroundings.environ, **self.environ}
        script = str(self.tree / (entry or self.report["entry"]))
        done = subprocess.run(
            [self.surroundings.python, "-m", "mlsteps.cli.main", "run", script],
            cwd=self.cwd,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
        )
        runs = [self.view(id) for id in self._pipeline_runs() if id not in before]
        made = Execution(done.returncode, done.stdout, runs)
        self.executions.append(made)
        (self.folder / f"output-{len(self.executions)}.txt").write_text(done.stdout)
        return made

    def foretold(self) -> bool:
        """Whether ``mlsteps check`` of the entry says that something in it is refused."""
        command = [self.surroundings.python, "-m", "mlsteps.cli.main", "check", str(self.source)]
        done = subprocess.run(command, cwd=self.cwd, env=self.surroundings.environ, capture_output=True, text=True)
        (self.folder / "check.txt").write_text(done.stdout + done.stderr)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 1

    @property
    def first(self) -> Execution:
        """The first execution."""
        return self.executions[0]

    @property
    def second(self) -> Execution:
        """The second execution."""
        assert len(self.executions) == 2, "there was no second execution"
        return self.executions[1]

    # -- afterwards

    @property
    def runs(self) -> RunStore:
        """The workspace's runs."""
        return RunStore(self.store)

    def _pipeline_runs(self) -> list[str]:
        runs = self.runs
        found = [id for name in runs.experiments() for id in runs.list(name)]
        heads = runs.heads(found)
        return sorted((id for id in found if heads[id].get("steps") is not None), key=lambda id: heads[id]["created"])

    def view(self, run_id: str) -> PipelineView:
        """A pipeline run as it stands."""
        runs = self.runs
        steps = {}
        for child in attempts(runs, run_id).values():
            head, state = runs.head(child) or {}, runs.state(child)
            steps[_unused(head["name"], steps)] = StepView(
                child,
                head["name"],
                state.status,
                state.reused is not None,
                state.metrics,
                state.inputs,
                state.outputs,
                state.error,
                state.started or 0.0,
                state.ended or 0.0,
            )
        head = runs.head(run_id) or {}
        state = runs.state(run_id)
        return PipelineView(
            run_id, head["experiment"], pipeline_status(runs, run_id), state.metrics, state.error, steps
        )

    def log(self, step: StepView) -> str:
        """What a step's script printed."""
        store = self.runs.artifacts(step.id)
        texts = [store.read(entry.path).decode(errors="replace") for entry in store.list() if _is_log(entry.path)]
        return "\n".join(texts)

    def compiled(self) -> bool:
        """Whether a pipeline of the row became a graph that a run or a published pipeline refers to."""
        return any(execution.runs for execution in self.executions) or bool(self.store.names("published"))

    @contextmanager
    def as_own(self) -> Iterator[None]:
        """This process with the variables that the row's scripts have."""
        with self.surroundings.as_own(self.environ):
            yield

    def workspace(self) -> Any:
        """The workspace as the SDK's object."""
        from azureml.core import Workspace

        return Workspace.from_config(path=str(self.cwd))


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    """Steps of one pipeline may all have one name."""
    number = 2
    while f"{name} #{number}" in taken:
        number += 1
    return f"{name} #{number}" if name in taken else name


def _is_log(path: str) -> bool:
    return path.endswith((".txt", ".log")) and path.split("/")[0] in ("logs", "user_logs", "azureml-logs")


Check = Callable[[Case], None]


class Row:
    """What the harness knows of a row; a row of a manifest that nothing is known of is run as it is.

    Methods whose names begin with ``works_`` check one line each of what must come out.
    """

    #: What a row can reach today when that is less than its manifest's level, and the feature it waits for.
    now: str | None = None
    waits_for: str = ""
    #: Statuses of pipeline runs that are right.
    statuses: tuple[str, ...] = ("Completed",)
    #: How often scripts of the row are executed in all.
    executions = 2
    #: Whether services that mlsteps refuses have stand-ins here, so that ``mlsteps check`` foretells what then runs.
    has_stand_ins = False
    #: The exit code of each.
    code = 0

    def supply(self, case: Case) -> None:
        """Put data, settings and packages where the row's sources look for them."""

    def between(self, case: Case) -> None:
        """What a person would do before the second execution."""

    def run(self, case: Case) -> None:
        """Two executions of the entry; the second one is not tried when the first did not end as it must."""
        if case.execute().code == self.code:
            with case.as_own():
                self.between(case)
            case.execute()

    def checks(self) -> Iterator[tuple[str, Check]]:
        """The lines to check, in the order in which they are written."""
        for cls in reversed(type(self).__mro__):
            for name in vars(cls):
                if name.startswith("works_"):
                    yield name.removeprefix("works_").replace("_", " "), getattr(self, name)


class Outcome(NamedTuple):
    """How far a row got. ``stops``: what stopped it, "" at its end."""

    id: str
    level: str
    wanted: str
    waits_for: str
    lines: dict[str, str]
    stops: str
    check: str

    @property
    def reached(self) -> bool:
        """Whether its manifest's level was reached."""
        return LEVELS.index(self.level) >= LEVELS.index(self.wanted)


def judge(case: Case, row: Row) -> Outcome:
    """The level a case reached."""
    lines = {name: _result(check, case) for name, check in row.checks()}
    ended = [run.status in row.statuses for execution in case.executions for run in execution.runs]
    ran = len(case.executions) == row.executions and all(execution.code == row.code for execution in case.executions)
    ran = ran and bool(ended) and all(ended)
    level = "none"
    if case.compiled() or _refused(case):
        level = "L1"
    if level == "L1" and ran:
        level = "L3" if all(result == "holds" for result in lines.values()) else "L2"
    if case.row["level"] == "L1" and not all(result == "holds" for result in lines.values()):
        level = "none"
    return Outcome(
        case.row["id"], level, case.row["level"], row.waits_for, lines, _stop(case, row), _agreement(case, row)
    )


def _agreement(case: Case, row: Row) -> str:
    """Whether what ``mlsteps check`` foretold is what happened."""
    foretold, refused = case.foretold(), _refused(case)
    if foretold == (refused or row.has_stand_ins):
        return "agrees"
    return "refused, and mlsteps check did not say so" if refused else "mlsteps check says refused, and it ran"


def _refused(case: Case) -> bool:
    """Whether something was refused: a traceback says so, or a script that caught the error printed it."""
    told = re.compile(r"^mlsteps\.errors\.UnsupportedFeature|^Error: .* is not supported by mlsteps", re.MULTILINE)
    return any(told.search(execution.output) for execution in case.executions)


def _result(check: Check, case: Case) -> str:
    try:
        with case.as_own():
            check(case)
    except Exception as error:  # whatever goes wrong is the line's result
        ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "acceptance" in frame.filename]
        at = f"{os.path.basename(ours[-1].filename)}:{ours[-1].lineno}"
        return f"fails: {type(error).__name__}: {str(error)[:400]} ({at})"
    return "holds"


def _names_error(line: str) -> bool:
    return re.match(r"[A-Za-z_.]*(Error|Exception|Feature|Model|Exit|Input)\b", line) is not None


def _stop(case: Case, row: Row) -> str:
    for execution in case.executions:
        if execution.code != row.code:
            last = [line for line in execution.output.splitlines() if _names_error(line)]
            return last[-1][:300] if last else f"exit code {execution.code}"
        for run in execution.runs:
            if run.status not in row.statuses:
                failed = [f"{step.name}: {step.error}" for step in run.steps.values() if step.status == "Failed"]
                return f"run of {run.experiment} {run.status}: {' | '.join(failed) or run.error}"[:900]
    return ""
