"""What every run has: its id, its head, its events; tags, properties and metrics."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, Mapping

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk import run_types, step_context
from mlsteps.sdk.metrics import MetricLogging, plain_value
from mlsteps.sdk.run_artifacts import RunArtifacts

if TYPE_CHECKING:
    from mlsteps.registry.run_state import RunState
    from mlsteps.registry.runs import RunStore
    from mlsteps.sdk.experiment import Experiment


class RunRecords(RunArtifacts, MetricLogging):
    """A run as what was written about it."""

    def __init__(self, experiment: Experiment, run_id: str, outputs: str | None = None, **kwargs: Any) -> None:
        if not run_id or not isinstance(run_id, str):
            raise InvalidInput(f"The run id is {run_id!r}", expected="the id of a run")
        self._experiment = experiment
        self._run_id = run_id
        self._outputs_folder = outputs

    # What it is

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run_id

    @property
    def experiment(self) -> Experiment:
        """The experiment it belongs to."""
        return self._experiment

    @property
    def display_name(self) -> str:
        """What a person reads; a step's name unless it was changed."""
        return str(self._state().display_name or self._head().get("name") or self.id)

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._write("display_name", value=str(value))

    @property
    def description(self) -> str | None:
        """A text about the run."""
        return self._state().description

    @description.setter
    def description(self, value: str) -> None:
        self._write("description", value=value)

    @property
    def status(self) -> str:
        """As the run store says it: ``Completed`` where a pipeline's :meth:`get_status` says ``Finished``."""
        return self._current_status()

    @property
    def tags(self) -> dict[str, Any]:
        """As :meth:`get_tags`."""
        return self.get_tags()

    @property
    def properties(self) -> dict[str, Any]:
        """As :meth:`get_properties`."""
        return self.get_properties()

    # Tags, properties, metrics

    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag; values are kept as text."""
        self._write("tag", key=str(key), value=_text(value))

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags; others stay."""
        for key, value in _mapping("tags", tags).items():
            self.tag(key, value)

    def get_tags(self) -> dict[str, Any]:
        """The tags."""
        return dict(self._state().tags)

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove tags by key; absent ones are fine."""
        for key in [tags] if isinstance(tags, str) else tags:
            self._write("untag", key=str(key))

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties; what is there does not change.

        :raises UserErrorException: for a key that has another value already.
        """
        known = self.get_properties()
        for key, value in _mapping("properties", properties).items():
            if key in known and known[key] != _text(value):
                raise UserErrorException(f"The property {key!r} is {known[key]!r}; properties do not change.")
            if key not in known:
                self._write("property", key=str(key), value=_text(value))

    def get_properties(self) -> dict[str, Any]:
        """The properties."""
        return {key: _text(value) for key, value in self._state().properties.items()}

    def _emit(self, name: str, value: Any, kind: str, description: str | None, step: int | None = None) -> None:
        extra = {"step": plain_value(step), "description": description or None}
        extra = {key: item for key, item in extra.items() if item is not None}
        self._write("metric", name=str(name), value=value, type=kind, **extra)

    # For mlsteps

    def _runs(self) -> RunStore:
        return self._experiment.workspace._run_store()

    def _head(self) -> dict[str, Any]:
        head = self._runs().head(self._run_id)
        if head is None:
            workspace = self._experiment.workspace.name
            raise UserErrorException(f"There is no run {self._run_id!r} in the workspace {workspace!r}.")
        return head

    def _state(self) -> RunState:
        """As it stands; what a reused step logged and tagged is what the run logged that made its results."""
        state, source = self._runs().state(self._run_id), self._source_run_id()
        if source is None:
            return state
        made = self._runs().state(source)
        return state._replace(metrics={**made.metrics, **state.metrics}, tags={**made.tags, **state.tags})

    def _source_run_id(self) -> str | None:
        """Id of the run whose results it reuses; None for a run that has made its own."""
        head = self._runs().head(self._run_id) or {}
        if head.get("type") != run_types.REUSED_STEP:
            return None
        source = (self._runs().state(self._run_id).reused or {}).get("run_id")
        return str(source) if source and self._runs().head(source) is not None else None

    def _write(self, event: str, **fields: Any) -> None:
        step = step_context.current()
        if step is not None and step["run_id"] != self._run_id:
            fields["by"] = step["run_id"]  # what a step says of its pipeline run is said again when it is reused
        self._runs().write(self._run_id, event, **fields)

    def _told_state(self) -> RunState:
        """The state as details tell it; a pipeline's end is that of its steps."""
        return self._state()

    def _current_status(self, state: RunState | None = None) -> str:
        if self._head()["type"] == run_types.PIPELINE:
            from mlsteps.registry.pipeline_status import pipeline_status

            return pipeline_status(self._runs(), self._run_id)
        return (state or self._state()).status

    def _keep_outputs(self) -> None:
        folder = self._outputs_folder
        if folder and os.path.isdir(folder):
            self.upload_folder(os.path.basename(os.path.normpath(folder)), folder)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _mapping(what: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{what} is {value!r}", expected="a dict")
    return value
