"""Containers by their labels: those that a killed worker left behind are collected, or removed."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from mlsteps.compute import inside
from mlsteps.compute.docker_engine import Engine, EngineError
from mlsteps.compute.docker_room import Room
from mlsteps.contracts.spec import StepSpec

if TYPE_CHECKING:
    from docker import APIClient

RUN, PIPELINE, STEP = "mlsteps.run_id", "mlsteps.pipeline_run_id", "mlsteps.step"
#: The task that a container is for, and the identity of what it runs; see ``Target.left_behind``.
TASK, CONTENT = "mlsteps.task", "mlsteps.content"
#: How long a container that has ended waits for somebody to collect it.
_KEPT = timedelta(days=2)


def labels(spec: StepSpec) -> dict[str, str]:
    """What every container of a step is marked with."""
    return {
        RUN: spec.run_id,
        PIPELINE: spec.pipeline_run_id,
        STEP: spec.step_name,
        "mlsteps.experiment": spec.experiment,
        "mlsteps.workspace": str(spec.workspace.get("name") or ""),
    }


class Left(NamedTuple):
    """A container that was left behind: its id, the folder that it may have here, and its spec."""

    container: str
    room: Room
    spec: StepSpec


def find(engine: Engine, task: str, content: str) -> Left | None:
    """The container of an earlier try at this task that is worth waiting for or has done its work.

    Whatever else there is of the task is removed, and so are containers of others that nobody has come for.
    """
    found: Left | None = None
    for item in _list(engine, {"label": [f"{TASK}={task}"]}):
        container = item["Id"]
        spec = _spec(engine, container) if found is None and item["Labels"].get(CONTENT) == content else None
        if spec is not None and _is_of_use(engine, item):
            found = Left(container, _room(engine, item), spec)
        else:
            remove(engine, container, _room(engine, item))
    _sweep(engine)
    return found


def _is_of_use(engine: Engine, item: Mapping[str, Any]) -> bool:
    """It runs, or it has ended well. One that failed is a failed try, and this is the next."""
    if item["State"] != "exited":
        return item["State"] in ("running", "paused", "restarting")
    data = read(engine, item["Id"], inside.ANSWER)
    return data is not None and json.loads(data.decode("utf-8", "surrogatepass")).get("status") == "Completed"


def _sweep(engine: Engine) -> None:
    oldest = datetime.now(UTC) - _KEPT
    for item in _list(engine, {"label": [RUN], "status": ["exited", "dead", "created"]}):
        if datetime.fromtimestamp(item["Created"], UTC) < oldest:
            remove(engine, item["Id"], _room(engine, item))


def _room(engine: Engine, item: Mapping[str, Any]) -> Room:
    return Room(engine, item["Names"][0].rpartition("/")[2])


def _list(engine: Engine, filters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Newest first."""
    with engine.told("does not list containers"):
        found: list[Mapping[str, Any]] = engine.client.containers(all=True, filters=dict(filters))
    return sorted(found, key=lambda item: item["Created"], reverse=True)


def _spec(engine: Engine, container: str) -> StepSpec | None:
    data = read(engine, container, inside.SPEC)
    return None if data is None else inside.read_spec(data)


def read(engine: Engine, container: str, path: str) -> bytes | None:
    """A file of a container, whether it runs or not; None when there is none."""
    try:
        with engine.told(f"does not give {path}"):
            pieces, _ = engine.client.get_archive(container, path)
            data = b"".join(pieces)
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        return None if file is None else file.read()


def remove(engine: Engine, container: str, room: Room | None = None) -> None:
    """End a container and forget it, with its folder; one that is gone is fine."""
    try:
        with engine.told("does not remove a container"):
            engine.client.remove_container(container, force=True, v=True)
    except EngineError as error:
        if error.status not in (404, 409):  # 409: somebody else is removing it
            raise
    if room is not None:
        room.clear()


def signal(client: APIClient, container: str, name: str) -> bool:
    """Send a signal to a container's first process; False when it does not run any more."""
    from docker.errors import APIError

    try:
        client.kill(container, signal=name)
    except APIError as error:
        if error.status_code in (404, 409):
            return False
        raise
    return True
