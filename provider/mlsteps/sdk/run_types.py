"""Which class a run gets, by its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping

from mlsteps.errors import UserErrorException

if TYPE_CHECKING:
    from mlsteps.sdk.experiment import Experiment
    from mlsteps.sdk.run import Run
    from mlsteps.sdk.workspace import Workspace

PIPELINE, STEP, REUSED_STEP = "azureml.PipelineRun", "azureml.StepRun", "azureml.ReusedStepRun"
SCRIPT, INTERACTIVE = "azureml.scriptrun", "azureml.interactive"

_providers: dict[str, Callable[..., Any]] = {}


def add_type_provider(runtype: str, run_factory: Callable[..., Any]) -> None:
    """Let ``run_factory(experiment, run_dto)`` make the runs of a type; ``run_dto`` is the run's head, a mapping."""
    _providers[runtype] = run_factory


def run_of_id(workspace: Workspace, run_id: str) -> Run:
    """The run of an id.

    :raises UserErrorException: when the workspace has none.
    """
    head = workspace._run_store().head(run_id)
    if head is None:
        raise UserErrorException(f"There is no run {run_id!r} in the workspace {workspace.name!r}.")
    from mlsteps.sdk.experiment import Experiment

    return run_of_head(Experiment(workspace, head["experiment"], _skip_name_validation=True), head)


def run_of_head(experiment: Experiment, head: Mapping[str, Any]) -> Run:
    """The run of a head, of the class that fits its type."""
    kind, run_id = head["type"], head["id"]
    if kind in _providers:
        made: Run = _providers[kind](experiment, head)
        return made
    if kind == PIPELINE:
        from mlsteps.sdk.pipeline_run import PipelineRun

        return PipelineRun(experiment, run_id)
    if kind in (STEP, REUSED_STEP) and head.get("parent"):
        from mlsteps.sdk.pipeline_run import StepRun

        return StepRun(experiment, run_id, head["parent"], head.get("step") or run_id, _is_reused=kind == REUSED_STEP)
    if kind == SCRIPT:
        from mlsteps.sdk.script_run import ScriptRun

        return ScriptRun(experiment, run_id)
    from mlsteps.sdk.run import Run

    return Run(experiment, run_id)


def matches(wanted: Any, known: Mapping[str, Any]) -> bool:
    """Whether tags or properties fit a filter: None, a key, or a mapping of keys to values (None: any value)."""
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return wanted in known
    pairs = wanted.items() if isinstance(wanted, Mapping) else [(key, None) for key in wanted]
    return all(key in known and (value is None or str(known[key]) == str(value)) for key, value in pairs)
