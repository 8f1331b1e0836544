"""``PipelineRun``: a run of a pipeline, its steps and their outputs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, List, Mapping, Tuple

from mlsteps.errors import ActivityFailedException, InvalidInput, UnsupportedFeature
from mlsteps.registry.run_state import TERMINAL
from mlsteps.sdk import run_types, step_context
from mlsteps.sdk.port_data import PortDataReference
from mlsteps.sdk.run import Run
from mlsteps.sdk.step_run import SPELLING, StepRun, StepRunOutput, follow_alone

if TYPE_CHECKING:
    from mlsteps.contracts.graph import PipelineGraph
    from mlsteps.registry.run_state import RunState

__all__ = ["PipelineRun", "StepRun", "StepRunOutput", "PortDataReference"]


class PipelineRun(Run):
    """A run of a pipeline (SDK docs: ``azureml.pipeline.core.PipelineRun``)."""

    def __init__(self, experiment: Any, run_id: str, _service_endpoint: Any = None, **kwags: Any) -> None:
        super().__init__(experiment, run_id, **kwags)

    @staticmethod
    def get(workspace: Any, run_id: str, _service_endpoint: Any = None) -> PipelineRun:  # type: ignore[override]
        """The pipeline run of an id.

        :raises UserErrorException: when there is none; InvalidInput when it is another kind of run.
        """
        run = run_types.run_of_id(workspace, run_id)
        if not isinstance(run, PipelineRun):
            raise InvalidInput(
                f"Run {run_id!r} is of type {run.type!r}", expected=f"a run of type {run_types.PIPELINE}"
            )
        return run

    @staticmethod
    def get_pipeline_runs(workspace: Any, pipeline_id: str, _service_endpoint: Any = None) -> List[PipelineRun]:
        """The runs of a published pipeline, newest first."""
        runs = workspace._run_store()
        heads = [head for name in runs.experiments() for head in runs.heads(runs.list(name)).values()]
        heads = [
            head for head in heads if head["type"] == run_types.PIPELINE and head.get("pipeline_id") == pipeline_id
        ]
        heads.sort(key=lambda head: head["created"], reverse=True)
        return [PipelineRun.get(workspace, head["id"]) for head in heads]

    # Status

    def get_status(self) -> str:
        """``NotStarted``, ``Running``, ``Finished``, ``Failed`` or ``Canceled``; ``status`` says ``Completed``."""
        status = self._current_status()
        return SPELLING.get(status, status)

    def get_tags(self) -> dict[str, Any]:
        """The tags."""
        return super().get_tags()

    def wait_for_completion(  # type: ignore[override]  # the SDK gives pipeline runs another signature
        self, show_output: bool = True, timeout_seconds: float = sys.maxsize, raise_on_error: bool = True
    ) -> str:
        """Wait until the pipeline is done or the time is over, printing what its steps do; answers its status.

        :raises ActivityFailedException: when it failed and ``raise_on_error`` is on; names the first failing step.
        """
        if step_context.current() is None:
            from mlsteps.client.follow import follow

            return str(follow(self, show_output, timeout_seconds, raise_on_error))
        status = follow_alone(self, timeout_seconds)
        if status == "Failed" and raise_on_error:
            raise ActivityFailedException(self._failure(), error_details=self.get_details().get("error"))
        return status

    def cancel(self) -> None:
        """Stop the run: steps that run are stopped, others do not start."""
        if step_context.current() is not None:
            super().cancel()  # the steps watch their pipeline run; a step has no way to Airflow
            return
        from mlsteps.client.control import cancel

        cancel(self.experiment.workspace, self.id)

    def complete(self) -> None:  # type: ignore[override]
        """:raises UnsupportedFeature: (a ``NotImplementedError``) always: the steps decide."""
        raise UnsupportedFeature("PipelineRun.complete", "a pipeline is complete when its steps are")

    def fail(self) -> None:  # type: ignore[override]
        """:raises UnsupportedFeature: (a ``NotImplementedError``) always: the steps decide."""
        raise UnsupportedFeature("PipelineRun.fail", "a pipeline fails when a step does", "PipelineRun.cancel")

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """:raises UnsupportedFeature: (a ``NotImplementedError``) always."""
        raise UnsupportedFeature("PipelineRun.child_run", "its children are its steps", "PipelineRun.get_steps")

    # Steps and outputs

    def get_steps(self) -> List[StepRun]:
        """The runs of the steps that have started, the pipeline's last one first; of each step the newest attempt.

        Latest first, as the SDK gives them: notebooks take the first of them for the step at the pipeline's end.
        """
        order = {step: number for number, step in enumerate(self._head().get("steps") or ())}
        runs = [run for run, _ in self._steps()]
        return sorted(runs, key=lambda run: order.get(run._node_id, -1))[::-1]

    def find_step_run(self, name: str) -> List[StepRun]:
        """The runs of the steps of this name (names may repeat); empty while none has started."""
        return [run for run, step_name in self._steps() if step_name == name]

    def get_pipeline_output(self, pipeline_output_name: str) -> PortDataReference:
        """Where the output of ``PipelineData(pipeline_output_name=...)`` lies.

        :raises InvalidInput: when the pipeline has none of that name, or its step is not done.
        """
        places = self._pipeline_outputs()
        if pipeline_output_name not in places:
            raise InvalidInput(
                f"Pipeline run {self.id} has no pipeline output {pipeline_output_name!r}",
                expected=f"one of {sorted(places)}",
                mend="give PipelineData(pipeline_output_name=...)",
            )
        step, output = places[pipeline_output_name]
        for run, _ in self._steps():
            if run._node_id == step:
                return run.get_output_data(output)
        raise InvalidInput(f"Step {step!r}, which makes {pipeline_output_name!r}, has not started")

    def get_graph(self) -> PipelineGraph:
        """The graph that ran.

        :raises UnsupportedFeature: for a DAG written by hand, or whose graph is in a DAG file only.
        """
        from mlsteps.registry.graphs import placed

        store = self.experiment.workspace._store()
        path = self._head().get("graph")
        document = store.read_json(str(path)) if path else None
        if document is None:
            what = "PipelineRun.get_graph for this run"
            raise UnsupportedFeature(what, "its graph lies in a DAG file", "Pipeline.graph")
        return placed(document, store.root)

    def publish_pipeline(
        self, name: str, description: str, version: str, continue_on_step_failure: bool | None = None, **kwargs: Any
    ) -> Any:
        """Publish the graph that ran."""
        from mlsteps.sdk.published import publish

        workspace = self.experiment.workspace
        return publish(workspace, self.get_graph(), name, description, version, continue_on_step_failure)

    def save(self, path: str | None = None) -> Any:
        """:raises UnsupportedFeature: always; the SDK writes graphs of modules only."""
        raise UnsupportedFeature("PipelineRun.save", "", "PipelineRun.get_graph().to_json()")

    def _steps(self) -> List[Tuple[StepRun, str]]:
        """Each step's newest attempt and the step's name, those that have started."""
        from mlsteps.registry.pipeline_status import attempts

        runs = self._runs()
        newest = attempts(runs, self.id)
        heads, states = runs.heads(newest.values()), runs.states(newest.values())
        found = []
        for step, run_id in newest.items():
            if states[run_id].status in ("NotStarted", "Queued"):
                continue
            found.append((self._step_run(step, heads[run_id], states[run_id]), str(heads[run_id].get("name"))))
        return found

    def _step_run(self, step: str, head: Mapping[str, Any], state: RunState) -> StepRun:
        reused = state.reused or {}
        return StepRun(
            self.experiment,
            head["id"],
            self.id,
            step,
            _is_reused=bool(reused) or head["type"] == run_types.REUSED_STEP,
            _reused_run_id=reused.get("run_id"),
            _reused_pipeline_run_id=(reused.get("producer") or {}).get("pipeline_run_id"),
        )

    def _pipeline_outputs(self) -> Mapping[str, Tuple[str, str]]:
        """Step and output by pipeline output name, from the run itself when it says, else from its graph."""
        known = self._head().get("pipeline_outputs")
        if known is not None:
            return {name: (place[0], place[1]) for name, place in known.items()}
        ports = [(node.id, port) for node in self.get_graph().steps for port in node.outputs]
        return {port.pipeline_output_name: (step, port.name) for step, port in ports if port.pipeline_output_name}

    def _told_state(self) -> RunState:
        state = self._state()
        status = self._current_status(state)
        if state.status in TERMINAL or status not in TERMINAL:
            return state
        steps = [(run, run._state()) for run, _ in self._steps()]
        ended = max((told.ended for _, told in steps if told.ended is not None), default=None)
        failed = [(told.ended or 0.0, run, told) for run, told in steps if told.status == "Failed"]
        if not failed:
            return state._replace(status=status, ended=ended)
        _, run, told = min(failed, key=lambda item: item[0])
        error = dict(told.error) if isinstance(told.error, Mapping) else {"message": str(told.error or "")}
        error["message"] = f"Step {run.name!r} (run {run.id}) failed. {error.get('message') or ''}".rstrip()
        return state._replace(status=status, ended=ended, error=error)

    def _failure(self) -> str:
        """The run's failure, and first of all that of the step it began with."""
        failed = [run for run, _ in self._steps() if run._current_status() == "Failed"]
        first = min(failed, key=lambda run: run._state().ended or 0.0, default=None)
        return super()._failure() if first is None else f"Pipeline run {self.id} failed.\n{first._failure()}"
