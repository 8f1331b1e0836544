"""What ``Schedule.create`` and ``Schedule.update`` are given, checked, as the registry keeps it."""

from __future__ import annotations

import uuid
from typing import Any, Dict, Mapping, NamedTuple, Optional

from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.recurrence import ScheduleRecurrence

#: Minutes between polls when nothing is said, as in the SDK.
POLLING_INTERVAL = 5


class When(NamedTuple):
    """What says when a schedule fires; None where nothing was given."""

    recurrence: Any = None
    datastore: Any = None
    polling_interval: Any = None
    data_path_parameter_name: Optional[str] = None
    path_on_datastore: Optional[str] = None

    @property
    def is_about_data(self) -> bool:
        """Whether anything of it is about data."""
        return any(value is not None for value in self[1:])


def first_settings(workspace: Any, id: str, when: When, parameters: Mapping[str, str]) -> Dict[str, Any]:
    """``recurrence`` and ``rule``, or ``watch``, of a new schedule.

    :param parameters: the pipeline's, ``{name: type}``.
    :raises InvalidInput: without a recurrence and a datastore, with both, and for values that do not fit.
    """
    if (when.recurrence is None) == (when.datastore is None):
        raise InvalidInput(
            f"A schedule is given {'neither' if when.recurrence is None else 'both'} a recurrence and a datastore",
            expected="recurrence=ScheduleRecurrence(...), or datastore=...",
        )
    if when.recurrence is not None:
        if when.data_path_parameter_name is not None or when.path_on_datastore is not None:
            raise InvalidInput("path_on_datastore or data_path_parameter_name is given without a datastore")
        return _recurrence(when.recurrence)
    return {"watch": _watch(workspace, id, when, {}, parameters)}


def changed_settings(
    workspace: Any, document: Mapping[str, Any], when: When, parameters: Mapping[str, str]
) -> Dict[str, Any]:
    """The keys of a schedule's document that an update changes; None for one that goes.

    :raises InvalidInput: with both a recurrence and something about data, and for values that do not fit.
    """
    if when.recurrence is not None:
        if when.is_about_data:
            raise InvalidInput("An update is given both a recurrence and a datastore", expected="one of them")
        return {**_recurrence(when.recurrence), "watch": None}
    if not when.is_about_data:
        return {}
    if "watch" not in document and when.datastore is None:
        raise InvalidInput(
            f"The schedule {document['name']!r} has a recurrence, and the update is about data", mend="give a datastore"
        )
    watch = _watch(workspace, document["id"], when, document.get("watch") or {}, parameters)
    return {"watch": watch, "recurrence": None, "rule": None}


def seen_from_now(workspace: Any, document: Mapping[str, Any]) -> Dict[str, Any]:
    """``watch`` of a schedule that is enabled again: what has changed meanwhile starts nothing."""
    watch = document["watch"]
    return {**watch, "generation": _generation(workspace, document["id"], watch["datastore"], watch["path"])}


def _recurrence(given: Any) -> Dict[str, Any]:
    if not isinstance(given, ScheduleRecurrence):
        raise InvalidInput(f"recurrence is {given!r}", expected="a ScheduleRecurrence")
    given.validate()
    return {"recurrence": given._to_json(), "rule": given._rule()}


def _watch(
    workspace: Any, id: str, when: When, before: Mapping[str, Any], parameters: Mapping[str, str]
) -> Dict[str, Any]:
    from mlsteps.storage.base import safe_path

    datastore = before.get("datastore") if when.datastore is None else _datastore_name(when.datastore)
    path = before.get("path", "") if when.path_on_datastore is None else safe_path(str(when.path_on_datastore))
    minutes = before.get("minutes", POLLING_INTERVAL) if when.polling_interval is None else when.polling_interval
    parameter = when.data_path_parameter_name or before.get("parameter")
    watch = {"datastore": datastore, "path": path, "minutes": _minutes(minutes)}
    if parameter:
        watch["parameter"] = _data_path_parameter(parameter, parameters)
    is_same = bool(before) and (datastore, path) == (before["datastore"], before["path"])
    watch["generation"] = before["generation"] if is_same else _generation(workspace, id, str(datastore), path)
    return watch


def _generation(workspace: Any, id: str, datastore: str, path: str) -> str:
    """List the files that there are: only what changes after this starts runs."""
    from mlsteps.registry import schedule_state
    from mlsteps.sdk.datastore import Datastore

    try:
        found = Datastore.get(workspace, datastore)._open().files_in(path)
    except UnsupportedFeature as error:
        raise InvalidInput(
            f"The datastore {datastore!r} holds no files to watch", expected="a blob container, or another file store"
        ) from error
    return schedule_state.begin(workspace._store(), id, found)


def _datastore_name(given: Any) -> str:
    name = given if isinstance(given, str) else getattr(given, "name", None)
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"datastore is {given!r}", expected="a registered datastore")
    return name


def _minutes(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < float("inf"):
        raise InvalidInput(f"polling_interval is {given!r}", expected="a number of minutes")
    return given


def _data_path_parameter(name: str, parameters: Mapping[str, str]) -> str:
    if parameters.get(name) != "datapath":
        known = [item for item, kind in parameters.items() if kind == "datapath"]
        raise InvalidInput(
            f"data_path_parameter_name is {name!r}, which is no DataPath parameter of the pipeline",
            expected=f"one of {', '.join(map(repr, known))}" if known else "a pipeline that has one",
        )
    return name


def new_id() -> str:
    """The id of a new schedule."""
    return str(uuid.uuid4())
