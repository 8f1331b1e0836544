"""``StepRun``: the run of one step of a pipeline run, and its outputs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Dict, Mapping

from mlsteps.errors import ActivityFailedException, InvalidInput, UnsupportedFeature
from mlsteps.sdk.port_data import OutputPlace, PortDataReference
from mlsteps.sdk.run import Run

if TYPE_CHECKING:
    from mlsteps.storage.base import Store

#: What ``get_status`` of pipeline and step runs says for the run store's words. ``Run.status`` keeps those.
SPELLING = {
    "Completed": "Finished",
    "Starting": "Running",
    "Provisioning": "Running",
    "Preparing": "Running",
    "Finalizing": "Running",
    "CancelRequested": "Running",
}
TERMINAL = ("Finished", "Failed", "Canceled")
_LOG = "user_logs/std_log.txt"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


def follow_alone(run: Any, timeout_seconds: float) -> str:
    """Wait for a run by looking at the run store only; answers its status, whatever it is when the time is over."""
    end = time.monotonic() + min(timeout_seconds, 10**9)
    pause = _FIRST_PAUSE
    while True:
        status = str(run.get_status())
        if status in TERMINAL or time.monotonic() >= end:
            return status
        time.sleep(min(pause, max(0.0, end - time.monotonic())))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


class StepRun(Run):
    """The run of a step (SDK docs: ``azureml.pipeline.core.StepRun``). Made by ``PipelineRun``, not by hand.

    A reused step has the type ``azureml.ReusedStepRun`` and properties ``azureml.isreused``, ``azureml.reusedrunid``
    and ``azureml.reusedpipelinerunid``; its outputs are those of the run it was reused from.
    """

    def __init__(
        self,
        experiment: Any,
        step_run_id: str,
        pipeline_run_id: str,
        node_id: str,
        _service_endpoint: Any = None,
        _is_reused: bool = False,
        _current_node_id: str | None = None,
        _reused_run_id: str | None = None,
        _reused_node_id: str | None = None,
        _reused_pipeline_run_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(experiment, step_run_id, **kwargs)
        self._pipeline_run_id = pipeline_run_id
        self._node_id = node_id
        self._is_reused = _is_reused
        self._reused_run_id = _reused_run_id
        self._reused_pipeline_run_id = _reused_pipeline_run_id

    @property
    def pipeline_run_id(self) -> str:
        """Id of the pipeline run it belongs to."""
        return self._pipeline_run_id

    def get_status(self) -> str:
        """``NotStarted``, ``Queued``, ``Running``, ``Finished``, ``Failed`` or ``Canceled``."""
        status = self._current_status()
        return SPELLING.get(status, status)

    def complete(self) -> None:  # type: ignore[override]
        """:raises UnsupportedFeature: (a ``NotImplementedError``) always: the step's process decides."""
        raise UnsupportedFeature("StepRun.complete", "a step is complete when its script ends")

    def fail(self) -> None:  # type: ignore[override]
        """:raises UnsupportedFeature: (a ``NotImplementedError``) always: the step's process decides."""
        raise UnsupportedFeature("StepRun.fail", "a step fails when its script does", "an exception in the script")

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """:raises UnsupportedFeature: (a ``NotImplementedError``) always."""
        raise UnsupportedFeature("StepRun.child_run", "", "Run.get_context().child_run() in the step's script")

    def wait_for_completion(  # type: ignore[override]  # the SDK gives step runs another signature
        self, show_output: bool = True, timeout_seconds: float = sys.maxsize, raise_on_error: bool = True
    ) -> str:
        """Wait until the step is done; answers its status.

        :raises ActivityFailedException: when it failed and ``raise_on_error`` is on.
        """
        status = follow_alone(self, timeout_seconds)
        if show_output:
            sys.stdout.write(self.get_stdout_log())
            print(f"StepRun({self.name}) Status: {status}")
        if status == "Failed" and raise_on_error:
            raise ActivityFailedException(self._failure(), error_details=self.get_details().get("error"))
        return status

    def get_job_log(self) -> str:
        """What the system says of the job; the script's output when it says nothing."""
        return self._log("logs/azureml/executionlogs.txt") or self.get_stdout_log()

    def get_stdout_log(self) -> str:
        """What the script wrote to its standard output and error."""
        return self._log(_LOG)

    def get_stderr_log(self) -> str:
        """What a script wrote to its standard error, where it is kept apart; see :meth:`get_stdout_log`."""
        return self._log("logs/azureml/stderrlogs.txt")

    def get_outputs(self) -> Dict[str, StepRunOutput]:
        """The outputs by name; dataset outputs too, which the SDK leaves out."""
        context, parent = self.experiment.workspace, self._pipeline_run_id
        outputs = self._state().outputs
        return {name: StepRunOutput(context, parent, self, name, document) for name, document in outputs.items()}

    def get_output(self, name: str) -> StepRunOutput:
        """One output.

        :raises InvalidInput: when the step has none of that name.
        """
        outputs = self.get_outputs()
        if name not in outputs:
            raise InvalidInput(
                f"Step {self.name!r} ({self.get_status()}) has no output {name!r}",
                expected=f"one of {sorted(outputs)}",
                mend="give the output_name of its PipelineData, and wait until the step is done",
            )
        return outputs[name]

    def get_output_data(self, name: str) -> PortDataReference:
        """Where an output lies."""
        return self.get_output(name).get_port_data_reference()

    def _log(self, path: str) -> str:
        store: Store = self._reading(path)
        return store.read(path).decode("utf-8", "replace") if store.entry(path) is not None else ""


class StepRunOutput:
    """One output of a step run (SDK docs: ``azureml.pipeline.core.StepRunOutput``).

    :param step_output: the output's record, as JSON data.
    """

    def __init__(
        self, context: Any, pipeline_run_id: str, step_run: StepRun, name: str, step_output: Mapping[str, Any]
    ) -> None:
        self.context = context
        self.pipeline_run_id = pipeline_run_id
        self.step_run = step_run
        self.name = name
        self.step_output = step_output

    def get_port_data_reference(self) -> PortDataReference:
        """Where the output lies."""
        place = OutputPlace(self.name, self.step_output["datastore"], self.step_output["path"])
        return PortDataReference(self.context, self.pipeline_run_id, place, self.step_run)
