"""``Run``: metrics, tags, files and status of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, Sequence

from mlsteps.errors import InvalidInput, RunEnvironmentException, UnsupportedFeature
from mlsteps.sdk import run_types, step_context
from mlsteps.sdk.run_status import RunStatus

if TYPE_CHECKING:
    from mlsteps.registry.runs import RunStore
    from mlsteps.sdk.experiment import Experiment
    from mlsteps.sdk.workspace import Workspace


class Run(RunStatus):
    """A run of an experiment. Making the object reads nothing.

    :param outputs: for interactive runs: a folder kept with the run when it completes.
    """

    # Ways to get one

    @classmethod
    def get_context(cls, allow_offline: bool = True, used_for_context_manager: bool = False, **kwargs: Any) -> Any:
        """The run this script is part of: a ``_SubmittedRun`` inside a step, else an ``_OfflineRun``.

        :raises RunEnvironmentException: outside a step with ``allow_offline`` off.
        """
        context = step_context.current()
        if context is not None:
            from mlsteps.sdk.submitted_run import submitted_run

            return submitted_run(context)
        if not allow_offline:
            raise RunEnvironmentException("This script does not run as a step, and allow_offline is off.")
        from mlsteps.sdk.offline_run import _OfflineRun

        return _OfflineRun()

    @classmethod
    def get_submitted_run(cls, **kwargs: Any) -> Any:
        """Deprecated by the SDK; :meth:`get_context`."""
        return cls.get_context(**kwargs)

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """The run of an id, of the class that fits its type.

        :raises UserErrorException: when there is none.
        """
        return run_types.run_of_id(workspace, run_id)

    @staticmethod
    def list(
        experiment: Experiment,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
        include_children: bool = False,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """An experiment's runs, newest first; the filters are as for :meth:`get_children`."""
        runs = experiment.workspace._run_store()
        found = runs.list(experiment.name, include_children)
        return _filtered(experiment, runs, found, type, tags, properties, status)

    @staticmethod
    def list_by_compute(
        compute: Any, type: str | None = None, tags: Any = None, properties: Any = None, status: str | None = None
    ) -> Iterator[Run]:
        """Runs on a compute target.

        :param status: ``Running`` or ``Queued``; default both.
        """
        wanted = (status,) if status else ("Running", "Queued")
        from mlsteps.sdk.experiment import Experiment

        for experiment in Experiment.list(compute.workspace):
            for run in Run.list(experiment, type, tags, properties, include_children=True):
                if run.get_details().get("target") == compute.name and run._current_status() in wanted:
                    yield run

    @staticmethod
    def add_type_provider(runtype: str, run_factory: Callable[..., Any]) -> None:
        """Let ``run_factory(experiment, run_dto)`` make the runs of a type."""
        run_types.add_type_provider(runtype, run_factory)

    # What it is

    @property
    def type(self) -> str:
        """``azureml.PipelineRun``, ``azureml.StepRun``, ``azureml.ReusedStepRun``, ``azureml.scriptrun``, ..."""
        return str(self._head()["type"])

    @property
    def name(self) -> str:
        """As :attr:`display_name`."""
        return self.display_name

    @property
    def number(self) -> int:
        """Its place among the experiment's runs, from 1, by age."""
        return 1 + self._runs().list(self.experiment.name, True)[::-1].index(self.id)

    @property
    def parent(self) -> Run | None:
        """The run it is a child of."""
        parent = self._head().get("parent")
        return None if parent is None else run_types.run_of_id(self.experiment.workspace, parent)

    # Runs below it

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> dict[str, Any]:
        """Metrics by name: a value logged once as it is, more often as a list, rows as a dict of columns.

        :param recursive: also those of all runs below, as ``{run_id: {name: value}}``.
        :param run_type: with ``recursive``, only of runs of this type.
        """
        own = self._state().metrics
        found = {key: value for key, value in own.items() if name is None or key == name}
        if not recursive:
            return found
        runs = [self, *self.get_children(recursive=True)]
        each = {run.id: run.get_metrics(name) for run in runs if run_type is None or run.type == run_type}
        return {run_id: metrics for run_id, metrics in each.items() if metrics}

    def get_children(
        self,
        recursive: bool = False,
        tags: Any = None,
        properties: Any = None,
        type: str | None = None,
        status: str | None = None,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """Runs below this one, oldest first.

        :param tags: only those with this tag: a key, or ``{key: value}``; so, too, ``properties``.
        """
        runs = self._runs()
        ids = runs.children(self.id)
        if recursive:
            for child in ids:
                ids = ids + runs.children(child)
        return _filtered(self.experiment, runs, ids, type, tags, properties, status)

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """Make a run below this one and mark it as running."""
        child = self._new_child(name, run_id, outputs)
        child.start()
        return child

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Sequence[Any] | None = None
    ) -> Any:
        """Make several runs below this one: ``count`` of them, or one for each value of a tag."""
        if (count is None) == (tag_key is None or tag_values is None):
            raise InvalidInput("Children are asked for", expected="count, or tag_key together with tag_values")
        children = [self._new_child() for _ in range(count if count is not None else len(tag_values or ()))]
        for child, value in zip(children, tag_values or ()):
            child.tag(str(tag_key), value)
        return children

    def _new_child(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        import uuid  # slow to import, and few runs have children

        made = run_id or str(uuid.uuid4())
        head = self._head()
        self._runs().create(
            made,
            experiment=self.experiment.name,
            type=run_types.INTERACTIVE,
            name=name,
            parent=self.id,
            root=head.get("root") or self.id,
        )
        return Run(self.experiment, made, outputs=outputs)

    def submit_child(self, config: Any, tags: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """Submit something as a run below this one; not from inside a step.

        :raises UnsupportedFeature: inside a step.
        """
        if step_context.current() is not None:
            raise UnsupportedFeature("Run.submit_child inside a step", "a step cannot reach Airflow", "child_run()")
        return self.experiment.submit(config, tags, parent_run_id=self.id, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(Experiment: {self._experiment.name}, Id: {self._run_id})"


def get_run(experiment: Experiment, run_id: str, rehydrate: bool = True, clean_up: bool = True) -> Run:
    """The run of an id, of the class that fits its type; a plain Run with ``rehydrate`` off."""
    return Run.get(experiment.workspace, run_id) if rehydrate else Run(experiment, run_id)


def _filtered(
    experiment: Experiment,
    runs: RunStore,
    ids: Sequence[str],
    type: str | None,
    tags: Any,
    properties: Any,
    status: str | None,
) -> Iterator[Run]:
    heads = runs.heads(ids)
    for run_id in ids:
        if run_id not in heads or (type is not None and heads[run_id]["type"] != type):
            continue
        run = run_types.run_of_head(experiment, heads[run_id])
        if tags is not None or properties is not None:
            state = run._state()
            if not (run_types.matches(tags, state.tags) and run_types.matches(properties, state.properties)):
                continue
        if status is None or run._current_status() == status:
            yield run
