"""One attempt at one step: stage, run, commit; whatever happens, there is an answer."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import Any, Iterator, Mapping

from mlsteps.contracts import arguments
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.errors import AzureMLException, UserErrorException
from mlsteps.registry.records import put_manifest
from mlsteps.registry.runs import RunStore
from mlsteps.runner import r_library, run_file, tree
from mlsteps.runner.artifacts import LOG, NODE_LOG, Artifacts
from mlsteps.runner.cancel import PATIENCE, Cancel
from mlsteps.runner.console import Console
from mlsteps.runner.distributed import launched
from mlsteps.runner.failure import Canceled, StepFailure
from mlsteps.runner.folders import Folders
from mlsteps.runner.mounts import Mounts
from mlsteps.runner.node_outputs import NodeOutputs
from mlsteps.runner.nodes import this_node
from mlsteps.runner.outputs import Committed, Outputs, WriteBack
from mlsteps.runner.process import Outcome, Script
from mlsteps.runner.relay import Relay
from mlsteps.runner.runtime import runtime_folder
from mlsteps.runner.stage import Stage, Staged, remove_made
from mlsteps.runner.stores import Stores
from mlsteps.runner.transfer import transfer
from mlsteps.runner.variables import variables

#: Seconds beyond the grace period in which a cancelled step ends its processes and keeps its logs.
_TO_END = 15.0


class Attempt:
    """Runs a spec. :meth:`run` never raises for what a step, its data or a store does wrong.

    :param grace: seconds between SIGTERM and SIGKILL when the script has to end.
    """

    def __init__(
        self, spec: StepSpec, credentials: Mapping[str, Any], *, cancel: Cancel, console: Console, grace: float
    ) -> None:
        self._spec = spec
        self._cancel = cancel
        self._console = console
        self._grace = grace
        self._folders = Folders(spec.work_directory)
        self._stores = Stores(spec, credentials)
        self._mounts = Mounts(spec.environment_variables, console.note)
        self._runs = RunStore(self._stores.workspace)
        self._timings: dict[str, float] = {}
        self._exit_code: int | None = None
        self._node = this_node()

    def run(self) -> StepResult:
        """Do the step; the run's status follows along."""
        try:
            self._status("Preparing")
            committed = self._work()
            result = StepResult("Completed", self._exit_code, {}, committed.outputs, committed.links, self._timings)
        except Canceled:
            result = self._ended("Canceled", {"category": "user", "message": "The step was cancelled."})
        except StepFailure as failure:
            result = self._ended("Failed", _error(failure))
        except Exception as error:  # whatever it is, whoever waits for the step gets an answer that tells of it
            result = self._ended("Failed", _unforeseen(error))
        self._last_status(result)
        return result

    def _ended(self, status: str, error: Mapping[str, Any]) -> StepResult:
        return StepResult(status, self._exit_code, error, timings=self._timings)

    def _work(self) -> Committed:
        if self._spec.transfer:
            return self._transferred()
        staged: dict[str, Staged] = {}
        outputs = self._outputs()
        try:
            with self._timed("stage"):
                self._folders.make()
                stage = Stage(self._spec, self._stores, self._folders, self._mounts, self._console.note)
                stage.source()
                staged = stage.inputs(self._cancel)
                places = outputs.prepare()
                back = WriteBack(staged, self._stores)
            artifacts = self._artifacts()
            with self._collecting(artifacts):
                with outputs.followed(places, self._console.note):
                    self._script({name: item.value for name, item in staged.items()}, places, artifacts)
                self._mounts.check()
                outputs.wait(self._cancel)
                self._status("Finalizing")
                with self._timed("commit"):
                    back.commit()
                    return outputs.commit(places, self._cancel)
        finally:
            self._mounts.stop()
            remove_made(staged)

    def _outputs(self) -> Outputs:
        if self._node is None:
            return Outputs(self._spec, self._stores, self._folders)
        return NodeOutputs(self._spec, self._stores, self._folders, self._node)

    def _artifacts(self) -> Artifacts:
        log = NODE_LOG.format(self._node.number) if self._node is not None and self._is_another else LOG
        return Artifacts(self._runs.artifacts(self._spec.run_id), self._folders, log=log)

    @property
    def _is_another(self) -> bool:
        """Whether this is a node that is not the first: the run's status is not for it to say."""
        return self._node is not None and self._node.number > 0

    def _transferred(self) -> Committed:
        """Copy data in this very process; the progress is the run's log."""
        artifacts = self._artifacts()
        self._folders.make()
        self._status("Running")
        with self._collecting(artifacts), artifacts.open_log() as log:

            def note(text: str) -> None:
                log.write(text.encode("utf-8", "replace") + b"\n")
                self._console.note(text)

            with self._timed("run"):
                manifest = transfer(self._spec, self._stores, note, self._cancel)
            name = str(self._spec.transfer["destination"])
            put_manifest(self._stores.workspace, self._spec.run_id, name, manifest)
        return Committed({name: manifest}, {})

    @contextmanager
    def _collecting(self, artifacts: Artifacts) -> Iterator[None]:
        """Artifacts are kept however the script ends; that they could not be is the lesser trouble when it failed."""
        try:
            yield
        except (StepFailure, Canceled):
            try:
                artifacts.finish()
            except AzureMLException as error:
                self._console.note(f"outputs/ and logs/ could not be kept: {error.message}")
            raise
        artifacts.finish()

    def _script(self, inputs: Mapping[str, str], outputs: Mapping[str, str], artifacts: Artifacts) -> None:
        """Run the script to a good end.

        :raises StepFailure: ``user`` with the exit code and the last lines of its output.
        """
        run_file.write(self._folders.run_file, self._spec, inputs, outputs)
        self._cancel.check()
        self._status("Running")
        artifacts.follow()
        self._cancel.allow(self._grace + _TO_END)
        with self._timed("run"), self._relaying() as stores, artifacts.open_log() as log:
            environ = variables(
                self._spec,
                os.environ,
                runtime=runtime_folder(),
                run_path=self._folders.run_file,
                folder=self._folders.code,
                inputs=inputs,
                outputs=outputs,
                stores=stores,
            )
            if self._spec.r:
                environ.update(r_library.prepare(self._spec.r, environ, self._console.note))
            command, more = launched(
                self._spec, self._command(inputs, outputs), environ.get("PATH", os.defpath), self._node
            )
            outcome = Script(
                command,
                folder=self._folders.code,
                variables={**environ, **more},
                log=log,
                forward=self._console.forward,
                limit=self._spec.max_run_duration_seconds,
                grace=self._grace,
            ).run(self._cancel)
        self._cancel.allow(_TO_END if self._cancel.requested else PATIENCE)
        self._exit_code = outcome.exit_code
        self._judge(outcome)

    @contextmanager
    def _relaying(self) -> Iterator[str]:
        """While the script runs, remote stores are opened for it; answers the socket's path."""
        relay = Relay(self._folders.socket, self._stores, self._mounts)
        relay.start()
        try:
            yield relay.path
        finally:
            relay.stop()

    def _judge(self, outcome: Outcome) -> None:
        if outcome.why == "canceled":
            raise Canceled()
        if outcome.why == "timeout":
            limit = self._spec.max_run_duration_seconds
            raise StepFailure("user", f"The script ran longer than max_run_duration ({limit:g} s).", outcome.tail)
        if outcome.exit_code != 0:
            raise StepFailure("user", _exit_text(outcome.exit_code), outcome.tail)

    def _command(self, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> list[str]:
        """The spec's structured arguments as text."""
        known: Mapping[str, Mapping[str, Any]] = {
            "input": inputs,
            "output": outputs,
            "parameter": self._spec.parameters,
            "python": {"": self._spec.interpreter},
            "r": {"": self._spec.r.get("program", "Rscript")},
        }

        def look_up(kind: str, name: str) -> Any:
            values = known.get(kind, {})
            if name not in values:
                raise StepFailure("user", f"An argument refers to {kind} {name!r}; the step has {sorted(values)}.")
            return values[name]

        return [arguments.resolve(item, look_up) for item in self._spec.argv]

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._timings[phase] = round(time.monotonic() - started, 3)

    def _status(self, status: str, **more: Any) -> None:
        if not self._is_another:
            self._runs.write(self._spec.run_id, "status", status=status, **more)

    def _last_status(self, result: StepResult) -> None:
        """The answer counts, also when the workspace's store is away and cannot be told.

        ``Completed`` is for the operator to say: the step is done when its record is kept and its datasets registered.
        So is what follows from being stopped: somebody cancelled the step, or its worker was lost and another tries it.
        """
        if result.status == "Completed":
            return
        try:
            self._status(result.status, interim=True, **({"error": dict(result.error)} if result.error else {}))
        except (AzureMLException, OSError) as error:
            self._console.note(f"the run's status could not be written: {error}")

    def give_up(self) -> None:
        """End whatever runs, from another thread, when the main thread does not come to it."""
        for process in tree.descendants():
            tree.terminate(process, 0)

    def clean(self) -> None:
        """Remove what was made in the work directory; all stays with ``MLSTEPS_KEEP_WORK=1``."""
        self._mounts.stop()
        if os.environ.get("MLSTEPS_KEEP_WORK", "") in ("", "0"):
            self._folders.remove()


def _error(failure: StepFailure) -> dict[str, Any]:
    error = {"category": failure.category, "message": failure.message}
    return {**error, "tail": failure.tail} if failure.tail else error


def _unforeseen(error: Exception) -> dict[str, Any]:
    if isinstance(error, UserErrorException):
        return {"category": "user", "message": error.message}
    answer = {"category": "infrastructure", "message": f"{type(error).__name__}: {error}"}
    if isinstance(error, (AzureMLException, OSError)):
        return answer
    import traceback

    return {**answer, "tail": traceback.format_exc()}


def _exit_text(code: int) -> str:
    if code >= 0:
        return f"The script ended with exit code {code}."
    import signal

    names = {int(number): number.name for number in signal.Signals}
    hint = " The machine may have run out of memory." if -code == int(signal.SIGKILL) else ""
    return f"The script was ended by signal {names.get(-code, -code)}.{hint}"
