"""``RunState``: a run as it stands, folded from its events."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional

from mlsteps.registry import metrics as metric_events

#: A run that has one of these does not go back to another, unless its tasks are cleared in Airflow.
TERMINAL = ("Completed", "Failed", "Canceled")
_WORKING = ("Running", "Finalizing")


class RunState(NamedTuple):
    """What is known of a run.

    ``started``: when it first ran; ``ended``: when it got its last terminal status; ``updated``: its last event; all
    in seconds since the epoch. ``final``: a failure that no retry will mend.
    ``interim``: what the runner said of its own end; the task that started it has yet to say what comes of it.
    ``error``: ``{"category", "message", "tail"}`` or None. ``inputs`` and ``outputs``: documents by name. ``reused``:
    where the results came from, or None.
    """

    status: str = "NotStarted"
    started: Optional[float] = None
    ended: Optional[float] = None
    updated: Optional[float] = None
    error: Optional[Any] = None
    final: bool = False
    interim: bool = False
    metrics: Mapping[str, Any] = {}
    tags: Mapping[str, Any] = {}
    properties: Mapping[str, Any] = {}
    display_name: Optional[str] = None
    description: Optional[str] = None
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}
    reused: Optional[Mapping[str, Any]] = None

    @property
    def ended_for_good(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL


def fold(events: Iterable[Mapping[str, Any]]) -> RunState:
    """The state after these events, which are in order of time. Events of unknown kinds are passed over."""
    state: Dict[str, Any] = {}
    metrics: List[Mapping[str, Any]] = []
    for event in events:
        state["updated"] = event.get("t")
        if event["kind"] == "metric":
            metrics.append(event)
        else:
            _FOLDS.get(event["kind"], _pass)(state, event)
    return RunState(**{**state, "metrics": metric_events.fold(metrics)})


def _pass(state: Dict[str, Any], event: Mapping[str, Any]) -> None:
    """A later release's event."""


def _status(state: Dict[str, Any], event: Mapping[str, Any]) -> None:
    status = event.get("status")
    if event.get("again"):
        state.update(ended=None, error=None, final=False, interim=False)
    elif status not in TERMINAL and state.get("status") in TERMINAL:
        return  # a late message of a slower process
    state["status"] = status
    if status in _WORKING:
        state.setdefault("started", event.get("t"))
    if status in TERMINAL:
        state.update(ended=event.get("t"), error=event.get("error"))
        state.update(final=bool(event.get("final")), interim=bool(event.get("interim")))


def _entry(field: str, key: str, value: str) -> Any:
    def put(state: Dict[str, Any], event: Mapping[str, Any]) -> None:
        state.setdefault(field, {})[event.get(key)] = event.get(value)

    return put


def _untag(state: Dict[str, Any], event: Mapping[str, Any]) -> None:
    state.get("tags", {}).pop(event.get("key"), None)


def _text(field: str) -> Any:
    def put(state: Dict[str, Any], event: Mapping[str, Any]) -> None:
        state[field] = event.get("value")

    return put


def _reused(state: Dict[str, Any], event: Mapping[str, Any]) -> None:
    state["reused"] = {key: value for key, value in event.items() if key not in ("t", "kind")}


_FOLDS = {
    "status": _status,
    "tag": _entry("tags", "key", "value"),
    "untag": _untag,
    "property": _entry("properties", "key", "value"),
    "display_name": _text("display_name"),
    "description": _text("description"),
    "input": _entry("inputs", "name", "document"),
    "output": _entry("outputs", "name", "document"),
    "reused": _reused,
}
