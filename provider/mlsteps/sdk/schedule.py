"""``Schedule``: when a published pipeline runs by itself."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional

from mlsteps.errors import InvalidInput
from mlsteps.sdk.recurrence import ScheduleRecurrence
from mlsteps.sdk.schedule_settings import (
    POLLING_INTERVAL,
    When,
    changed_settings,
    first_settings,
    new_id,
    seen_from_now,
)
from mlsteps.sdk.time_zones import TimeZone

__all__ = ["Schedule", "ScheduleRecurrence", "TimeZone"]

#: Seconds that ``wait_for_provisioning`` waits when nothing is said, as in the SDK.
WAIT = 3600


class Schedule:
    """A schedule (SDK docs: ``azureml.pipeline.core.Schedule``). Made by :meth:`create`.

    It is kept in the workspace; the Airflow that serves the workspace has a DAG for it. Its attributes are those of
    when it was read: :meth:`get` it again to see what others have changed.
    """

    def __init__(
        self,
        workspace: Any,
        id: str,
        name: str,
        description: str | None,
        pipeline_id: str | None,
        status: str,
        recurrence: ScheduleRecurrence | None,
        datastore_name: str | None,
        polling_interval: float | None,
        data_path_parameter_name: str | None,
        continue_on_step_failure: bool | None,
        path_on_datastore: str | None,
        _schedule_provider: Any = None,
        pipeline_endpoint_id: str | None = None,
    ) -> None:
        self._workspace = workspace
        self.id = id
        self.name = name
        self.description = description
        self.pipeline_id = pipeline_id
        self.pipeline_endpoint_id = pipeline_endpoint_id
        self.status = status
        self.recurrence = recurrence
        self.datastore_name = datastore_name
        self.polling_interval = polling_interval
        self.data_path_parameter_name = data_path_parameter_name
        self.continue_on_step_failure = continue_on_step_failure
        self.path_on_datastore = path_on_datastore

    @classmethod
    def _of(cls, workspace: Any, document: Mapping[str, Any]) -> Schedule:
        made = cls.__new__(cls)
        made._workspace = workspace
        made._take(document)
        return made

    def _take(self, document: Mapping[str, Any]) -> None:
        """Be what the registry says."""
        watch: Mapping[str, Any] = document.get("watch") or {}
        recurrence = document.get("recurrence")
        self.id = document["id"]
        self.name = document["name"]
        self.description = document.get("description")
        self.pipeline_id = document.get("pipeline_id")
        self.pipeline_endpoint_id = document.get("pipeline_endpoint_id")
        self.status = document["status"]
        self.recurrence = None if recurrence is None else ScheduleRecurrence._from_json(recurrence)
        self.datastore_name = watch.get("datastore")
        self.polling_interval = watch.get("minutes")
        self.data_path_parameter_name = watch.get("parameter")
        self.continue_on_step_failure = document.get("continue_on_step_failure")
        self.path_on_datastore = watch.get("path") or None

    @staticmethod
    def create(
        workspace: Any,
        name: str,
        pipeline_id: str,
        experiment_name: str,
        recurrence: ScheduleRecurrence | None = None,
        description: str | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        wait_for_provisioning: bool = False,
        wait_timeout: float | None = WAIT,
        datastore: Any = None,
        polling_interval: float | None = POLLING_INTERVAL,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> Schedule:
        """Run a published pipeline on a recurrence, or for every file that is added or changed in a datastore.

        :param recurrence: or ``datastore``, one of them.
        :param pipeline_parameters: of every run.
        :param wait_for_provisioning: return when Airflow has it, which starts the embedded Airflow when none is
            configured. Otherwise Airflow finds it by itself, within its refresh interval.
        :param wait_timeout: seconds to wait for that.
        :param polling_interval: minutes between looks at the datastore.
        :param data_path_parameter_name: the pipeline's ``DataPath`` parameter that is given the file.
        :param path_on_datastore: the folder whose files count, those in its folders left out; None: the root.
        :raises UserErrorException: when there is no such pipeline, or it is disabled.
        :raises InvalidInput: for parameters that the pipeline does not have, and settings that contradict each other.
        """
        when = When(recurrence, datastore, polling_interval, data_path_parameter_name, path_on_datastore)
        which = {"pipeline_id": pipeline_id}
        facts = {"description": description, "continue_on_step_failure": continue_on_step_failure}
        made = _create(workspace, name, experiment_name, which, when, pipeline_parameters, facts)
        made._provision(wait_for_provisioning, wait_timeout)
        return made

    @staticmethod
    def create_for_pipeline_endpoint(
        workspace: Any,
        name: str,
        pipeline_endpoint_id: str,
        experiment_name: str,
        recurrence: ScheduleRecurrence | None = None,
        description: str | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        wait_for_provisioning: bool = False,
        wait_timeout: float | None = WAIT,
        datastore: Any = None,
        polling_interval: float | None = POLLING_INTERVAL,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> Schedule:
        """As :meth:`create`, for the version of an endpoint that is its default one whenever the schedule fires."""
        when = When(recurrence, datastore, polling_interval, data_path_parameter_name, path_on_datastore)
        which = {"pipeline_endpoint_id": pipeline_endpoint_id}
        facts = {"description": description, "continue_on_step_failure": continue_on_step_failure}
        made = _create(workspace, name, experiment_name, which, when, pipeline_parameters, facts)
        made._provision(wait_for_provisioning, wait_timeout)
        return made

    def update(
        self,
        name: str | None = None,
        description: str | None = None,
        recurrence: ScheduleRecurrence | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        status: str | None = None,
        wait_for_provisioning: bool = False,
        wait_timeout: float | None = WAIT,
        datastore: Any = None,
        polling_interval: float | None = None,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
    ) -> None:
        """Change what is given; None leaves a setting as it is.

        A new recurrence counts from now: without a start time it fires at once.

        :raises InvalidInput: as :meth:`create`; also for a status other than ``Active`` and ``Disabled``.
        """
        from mlsteps.registry import schedules

        if status not in (None, schedules.ACTIVE, schedules.DISABLED):
            raise InvalidInput(f"status is {status!r}", expected=f"{schedules.ACTIVE!r} or {schedules.DISABLED!r}")
        store = self._workspace._store()
        document = schedules.need(store, self.id)
        when = When(recurrence, datastore, polling_interval, data_path_parameter_name, path_on_datastore)
        plain = {"name": name, "description": description, "continue_on_step_failure": continue_on_step_failure}
        changes: Dict[str, Any] = {key: value for key, value in plain.items() if value is not None}
        if pipeline_parameters is not None or when != When():
            parameters = _parameters(store, document)
            changes.update(changed_settings(self._workspace, document, when, _types(parameters)))
            if pipeline_parameters is not None:
                given_by_data = (changes.get("watch") or document.get("watch") or {}).get("parameter")
                changes["parameters"] = _values(store, parameters, pipeline_parameters, given_by_data)
        if status is not None and status != document["status"]:
            self._set_status({**document, **changes}, status, changes)
        elif changes:
            schedules.update(store, self.id, changes)
        self._take(schedules.need(store, self.id))
        self._provision(wait_for_provisioning, wait_timeout)

    def _set_status(self, document: Mapping[str, Any], status: str, changes: Dict[str, Any]) -> None:
        from mlsteps.registry import schedules

        store = self._workspace._store()
        if status == schedules.ACTIVE and document.get("watch"):
            changes["watch"] = seen_from_now(self._workspace, document)
        if changes:
            schedules.update(store, self.id, changes)
        schedules.set_status(store, self.id, status)

    def _provision(self, wait: bool, timeout: float | None) -> None:
        if wait:
            from mlsteps.client.provisioning import provision

            provision(self._workspace, self.id, WAIT if timeout is None else timeout)

    def enable(self, wait_for_provisioning: bool = False, wait_timeout: float | None = WAIT) -> None:
        """Let it fire again: at times and for changes from now on."""
        self.update(status="Active", wait_for_provisioning=wait_for_provisioning, wait_timeout=wait_timeout)

    def disable(self, wait_for_provisioning: bool = False, wait_timeout: float | None = WAIT) -> None:
        """Let it fire no more, at once; runs that it has started go on."""
        self.update(status="Disabled", wait_for_provisioning=wait_for_provisioning, wait_timeout=wait_timeout)

    def get_pipeline_runs(self) -> List[Any]:
        """The runs it started, newest first."""
        return list(self._runs())

    def _runs(self) -> Iterator[Any]:
        from mlsteps.registry import schedules
        from mlsteps.sdk.experiment import Experiment
        from mlsteps.sdk.pipeline_run import PipelineRun

        runs = self._workspace._run_store()
        ids = schedules.runs_of(self._workspace._store(), self.id)
        heads = runs.heads(ids) if ids else {}
        for id in ids:
            if id in heads:  # one that Airflow has not begun is not there yet
                yield PipelineRun(Experiment(self._workspace, heads[id]["experiment"]), id)

    def get_last_pipeline_run(self) -> Any:
        """The last run it started, or None."""
        return next(self._runs(), None)

    @staticmethod
    def get(workspace: Any, id: str, _workflow_provider: Any = None, _service_endpoint: Any = None) -> Schedule:
        """The schedule of an id.

        :raises UserErrorException: when there is none.
        """
        from mlsteps.registry import schedules

        return Schedule._of(workspace, schedules.need(workspace._store(), id))

    @staticmethod
    def list(
        workspace: Any,
        active_only: bool = True,
        pipeline_id: str | None = None,
        pipeline_endpoint_id: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> List[Schedule]:
        """All schedules, newest first; the disabled ones too when ``active_only`` is off."""
        from mlsteps.registry import schedules

        found = schedules.list_schedules(workspace._store(), active_only, pipeline_id, pipeline_endpoint_id)
        return [Schedule._of(workspace, document) for document in found]

    @staticmethod
    def get_all(
        workspace: Any,
        active_only: bool = True,
        pipeline_id: str | None = None,
        pipeline_endpoint_id: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> List[Schedule]:
        """Deprecated by the SDK; :meth:`list`."""
        return Schedule.list(workspace, active_only, pipeline_id, pipeline_endpoint_id)

    @staticmethod
    def get_schedules_for_pipeline_id(
        workspace: Any, pipeline_id: str, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[Schedule]:
        """The schedules of a pipeline that are active."""
        return Schedule.list(workspace, pipeline_id=pipeline_id)

    @staticmethod
    def get_schedules_for_pipeline_endpoint_id(
        workspace: Any, pipeline_endpoint_id: str, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[Schedule]:
        """The schedules of an endpoint that are active."""
        return Schedule.list(workspace, pipeline_endpoint_id=pipeline_endpoint_id)

    @staticmethod
    def load_yaml(
        workspace: Any, filename: str, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> Mapping[str, Any]:
        """The arguments for :meth:`create` that a YAML file holds below its key ``Schedule``.

        ``recurrence`` is a ``ScheduleRecurrence``; ``datastore_name`` names the datastore, which :meth:`create` takes
        as it is; all other keys are as in the file, and those that it does not have are None.

        :raises InvalidInput: for keys and values that do not fit.
        """
        from mlsteps.sdk.schedule_yaml import load

        return load(filename)

    def __repr__(self) -> str:
        when = self.recurrence if self.recurrence is not None else f"changes in {self.datastore_name}"
        return f"Schedule(Name: {self.name}, Id: {self.id}, Status: {self.status}, {when})"


def _create(
    workspace: Any,
    name: str,
    experiment_name: str,
    which: Mapping[str, str],
    when: When,
    pipeline_parameters: Mapping[str, Any] | None,
    facts: Mapping[str, Any],
) -> Schedule:
    from mlsteps.registry import schedules
    from mlsteps.sdk.experiment import Experiment

    for key, value in {"name": name, "experiment_name": experiment_name, **which}.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(f"{key} is {value!r}", expected="a text")
    store, id = workspace._store(), new_id()
    parameters = _parameters(store, which)
    said = first_settings(workspace, id, when, _types(parameters))
    values = _values(store, parameters, pipeline_parameters, (said.get("watch") or {}).get("parameter"))
    experiment = Experiment(workspace, experiment_name).name
    document = schedules.create(
        store, id=id, name=name, experiment=experiment, parameters=values, **which, **facts, **said
    )
    return Schedule._of(workspace, document)


def _parameters(store: Any, document: Mapping[str, Any]) -> List[Any]:
    """The parameters of the pipeline that would run now."""
    from mlsteps.registry import pipelines, schedules

    return list(pipelines.graph_of(store, schedules.pipeline_of(store, document)).parameters)


def _types(parameters: List[Any]) -> Dict[str, str]:
    return {item.name: item.type for item in parameters}


def _values(
    store: Any, parameters: List[Any], given: Mapping[str, Any] | None, given_by_data: Optional[str]
) -> Dict[str, Any]:
    """The values of parameters that every run has, checked; the one that data gives need not have any."""
    from mlsteps.client.parameters import assignments, check_places

    wanted = [item for item in parameters if item.name != given_by_data or item.name in (given or {})]
    values = assignments(wanted, given)
    check_places(wanted, values, store)
    return values
