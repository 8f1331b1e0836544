"""What the demo prints when its runs are over, read from the workspace as any client would read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Mapping

from rich.markup import escape
from rich.table import Table

from mlsteps.client.decisions import decisions
from mlsteps.registry import datasets
from mlsteps.registry.documents import get_datastore
from mlsteps.registry.pipeline_status import attempts
from mlsteps.registry.run_state import RunState
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore

if TYPE_CHECKING:
    from rich.console import Console

    from mlsteps.client.standalone import Standalone

#: Longest metric that is shown whole.
_WIDTH = 60


def task_state(task: Mapping[str, Any]) -> str | None:
    """A task instance's state, with its seconds when it has ended; a skipped task is a reused step."""
    state = task.get("state")
    if state == "skipped":
        return "reused"
    seconds = task.get("duration")
    return f"{state}, {seconds:.1f} s" if state in ("success", "failed") and seconds is not None else state


def report(console: Console, server: Standalone, run_ids: list[str]) -> None:
    """Print each step's state in each run, what the last one reused and why, outputs, datasets, metrics, addresses.

    :param run_ids: of the pipeline runs, in order.
    """
    from mlsteps.sdk.workspace import Workspace

    workspace = Workspace.from_config()
    ws, runs = workspace._store(), workspace._run_store()
    each = [_states(runs, run_id) for run_id in run_ids]
    console.rule("Result")
    console.print(_steps_table(each))
    console.print(_reuse_table(runs, run_ids[-1]))
    console.print("Outputs", style="italic")
    console.print("\n".join(_output_lines(ws, each[-1])), markup=False)
    console.print(_datasets_table(ws))
    console.print(_metrics_table(runs, each[0]))
    console.print(f"Workspace   {ws.root}", markup=False)
    console.print(f"Airflow     {server.url}   user admin, password {server.password()}", markup=False)
    for run_id in run_ids:
        console.print(f"Run         {(runs.head(run_id) or {}).get('name')} {run_id}", markup=False)


States = dict[str, tuple[str, RunState]]


def _states(runs: RunStore, run_id: str) -> States:
    """Name and state of each step's newest attempt, by step id."""
    newest = attempts(runs, run_id)
    states = runs.states(newest.values())
    return {step: (str((runs.head(child) or {}).get("name")), states[child]) for step, child in newest.items()}


def _steps_table(each: list[States]) -> Table:
    table = Table("Step", *(f"Run {number}" for number in range(1, len(each) + 1)), title="Steps", title_justify="left")
    for step, (name, _) in each[0].items():
        table.add_row(escape(name), *(_told(states.get(step)) for states in each))
    return table


def _told(found: tuple[str, RunState] | None) -> str:
    if found is None:
        return "not started"
    state = found[1]
    if state.reused:
        return "reused"
    seconds = (state.ended or 0.0) - (state.started or state.ended or 0.0)
    return f"{state.status}, {seconds:.1f} s"


def _reuse_table(runs: RunStore, run_id: str) -> Table:
    table = Table("Step", "Decision", "Why", title="What the last run reused", title_justify="left")
    for item in decisions(runs, run_id):
        table.add_row(escape(item.get("name") or item["step"]), item["action"], escape(item["reason"]))
    return table


def _output_lines(ws: WorkspaceStore, states: States) -> list[str]:
    """No table: a place in one piece can be copied."""
    lines = []
    for name, state in states.values():
        for output, document in state.outputs.items():
            url = str(get_datastore(ws, document["datastore"]).get("url") or document["datastore"])
            place = f"{url.rstrip('/')}/{document['path']}".removeprefix("file://")
            lines.append(f"  {name}, {output}, {document.get('count', 0)} files:\n    {place}")
    return lines


def _datasets_table(ws: WorkspaceStore) -> Table:
    table = Table("Dataset", "Versions", title="Registered datasets", title_justify="left")
    for name in datasets.names(ws):
        table.add_row(escape(name), ", ".join(map(str, datasets.versions(ws, name))))
    return table


def _metrics_table(runs: RunStore, states: States) -> Table:
    table = Table("Step", "Metric", "Value", title="Metrics", title_justify="left")
    for name, state in states.values():
        for metric, value in _metrics(runs, state).items():
            table.add_row(escape(name), escape(metric), escape(_short(value)))
    return table


def _metrics(runs: RunStore, state: RunState) -> Mapping[str, Any]:
    """A reused step's metrics are those of the run that made its results."""
    source = str((state.reused or {}).get("run_id") or "")
    return runs.state(source).metrics if not state.metrics and source and runs.head(source) else state.metrics


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else json.dumps(value, default=str)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
