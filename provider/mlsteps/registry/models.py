"""Registered models: ``models/<name>/<version>.json``, files below ``models/<name>/<version>/files``."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional, Union

from mlsteps.errors import InvalidInput, ModelNotFoundException, ModelPathNotFoundException
from mlsteps.registry import versions as numbered
from mlsteps.registry.model_files import Place, copy_in, copy_out, find
from mlsteps.registry.names import file_name, name_of
from mlsteps.registry.runs import RunStore
from mlsteps.storage.open import open_store
from mlsteps.storage.workspace_store import WorkspaceStore

JSON = Mapping[str, Any]
TagFilter = Iterable[Union[str, Iterable[str]]]


def register(ws: WorkspaceStore, name: str, model_path: str, **details: Any) -> Dict[str, Any]:
    """Register a local file or folder; every call makes a new version, as in the SDK.

    :param details: ``tags``, ``properties``, ``description``, ``datasets``, ``model_framework``,
        ``model_framework_version``, ``child_paths`` (of a folder, take only these), ``run_id``, ``experiment``, ...;
        kept in the document.
    :raises ModelPathNotFoundException: when there is no such file or folder.
    """
    whole = os.path.abspath(model_path)
    if not os.path.exists(whole):
        raise ModelPathNotFoundException(f"The model_path {model_path!r} does not exist ({whole}).")
    parent, last = os.path.split(whole.rstrip(os.sep))
    return _register(ws, name, find(open_store(parent), last, parent), details)


def register_artifact(
    ws: WorkspaceStore,
    name: str,
    run_id: str,
    model_path: Optional[str] = None,
    *,
    holder: Optional[str] = None,
    **details: Any,
) -> Dict[str, Any]:
    """Register an artifact of a run, as ``Run.register_model`` does.

    :param model_path: path among the run's artifacts, e.g. ``outputs/model.pkl``; None means ``name``.
    :param holder: the run that has the artifact, when that is another: one whose results ``run_id`` reuses.
    :raises ModelPathNotFoundException: when the run has no such artifact; upload it first.
    """
    runs = RunStore(ws)
    place = find(runs.artifacts(holder or run_id), model_path or name, f"the artifacts of run {run_id}")
    known = {"run_id": run_id, "experiment": (runs.head(run_id) or {}).get("experiment")}
    return _register(ws, name, place, {**known, **details})


def get(
    ws: WorkspaceStore, name: Optional[str] = None, *, id: Optional[str] = None, version: Any = None, **filters: Any
) -> Dict[str, Any]:
    """The latest model that fits; ``Model(workspace, name, ...)`` of the SDK.

    :param id: ``name:version``; :param filters: as for :func:`list_models`.
    :raises ModelNotFoundException: when none fits.
    """
    if id is not None:
        name, _, version = id.rpartition(":")
    if name is None and not filters:
        raise InvalidInput("Neither a name nor an id of a model is given", expected="one of them")
    found = [
        item for item in list_models(ws, name, **filters) if version is None or str(item["version"]) == str(version)
    ]
    if not found:
        wanted = ", ".join(f"{key}={value!r}" for key, value in {"version": version, **filters}.items() if value)
        raise ModelNotFoundException(
            f"ModelNotFound: no model {name!r}{' with ' + wanted if wanted else ''} in the workspace at {ws.root}. "
            f"It has: {', '.join(names(ws)) or 'none'}."
        )
    return found[0]


def list_models(
    ws: WorkspaceStore,
    name: Optional[str] = None,
    tags: Optional[TagFilter] = None,
    properties: Optional[TagFilter] = None,
    run_id: Optional[str] = None,
    latest: bool = False,
    dataset_id: Optional[str] = None,
    model_framework: Optional[str] = None,
) -> List[Dict[str, Any]]:
    """Models that fit all of the filters, newest first; ``Model.list`` of the SDK.

    :param tags: each ``"key"`` or ``["key", "value"]``; so, too, ``properties``.
    :param latest: only the newest of each name (of those that fit).
    """
    fitting = [
        model
        for model in _documents(ws, names(ws) if name is None else [name])
        if _has(model.get("tags"), tags)
        and _has(model.get("properties"), properties)
        and (run_id is None or model.get("run_id") == run_id)
        and (model_framework is None or model.get("model_framework") == model_framework)
        and (dataset_id is None or dataset_id in _dataset_ids(model))
    ]
    fitting.sort(key=lambda model: (model["created"], model["version"]), reverse=True)
    if not latest:
        return fitting
    newest: Dict[str, Dict[str, Any]] = {}
    for model in fitting:
        if model["version"] > newest.get(model["name"], {"version": 0})["version"]:
            newest[model["name"]] = model
    return list(newest.values())


def names(ws: WorkspaceStore) -> List[str]:
    """The names of the registered models."""
    return sorted(name_of(item) for item in ws.names("models"))


def versions(ws: WorkspaceStore, name: str) -> List[int]:
    """The versions of a model, rising."""
    return sorted(model["version"] for model in _documents(ws, [name]))


def files(ws: WorkspaceStore, name: str, version: int) -> List[str]:
    """Paths of a model's files; the first part is the name of the file or folder it was registered from.

    :raises ModelNotFoundException: when there is no such version.
    """
    return list(get(ws, name, version=version)["files"])


def download(ws: WorkspaceStore, name: str, version: int, target: str = ".", exist_ok: bool = False) -> str:
    """Copy a model into a local folder; answers the path of the file, or of the folder, it was registered from.

    :raises InvalidInput: when a file is there already and ``exist_ok`` is off.
    """
    model = get(ws, name, version=version)
    copy_out(ws.store, f"{_folder(name)}/{version}/files", model["files"], target, exist_ok)
    return os.path.join(target, model["path"])


def update(ws: WorkspaceStore, name: str, version: int, **changes: Any) -> Dict[str, Any]:
    """Change what a model's document says (``tags``, ``properties``, ``description``, ``datasets``, ...), each whole.

    :raises InvalidInput: for what makes up the model itself.
    """
    fixed = sorted({"name", "version", "id", "files", "path", "created"} & set(changes))
    if fixed:
        raise InvalidInput(f"A model's {', '.join(fixed)} cannot be changed", mend="register a new version")
    document = {**get(ws, name, version=version), **changes}
    ws.write_json(f"{_folder(name)}/{version}.json", document)
    return document


def delete(ws: WorkspaceStore, name: str, version: int) -> None:
    """Delete a version and its files; its claim stays, so that the number is never given again."""
    get(ws, name, version=version)
    ws.delete(f"{_folder(name)}/{version}.json")  # first: from here on the model is gone
    ws.delete(f"{_folder(name)}/{version}/files")


def _register(ws: WorkspaceStore, name: str, place: Place, details: JSON) -> Dict[str, Any]:
    """Claim a number, copy the files, and only then write the document: a model is there whole or not at all."""
    folder = _folder(name)
    extra = {key: value for key, value in details.items() if value is not None and key != "child_paths"}
    claim = {"claimed": time.time()}
    version = numbered.allocate(ws, folder, lambda number: claim, "{}/claim.json")
    copied = copy_in(place, ws.store, f"{folder}/{version}/files", details.get("child_paths"))
    document = {
        "tags": {},
        "properties": {},
        "description": None,
        **extra,
        "name": name,
        "version": version,
        "id": f"{name}:{version}",
        "created": time.time(),
        "files": copied,
        "path": place.name,
        "is_file": place.kind == "file",
    }
    ws.write_json(f"{folder}/{version}.json", document)
    return document


def _folder(name: str) -> str:
    return f"models/{file_name(name)}"


def _documents(ws: WorkspaceStore, wanted: Iterable[str]) -> List[Dict[str, Any]]:
    """All documents of these models; versions that are only claimed have none."""
    paths = [f"{_folder(name)}/{number}.json" for name in wanted for number in numbered.numbers(ws, _folder(name))]
    found = ws.read_many(paths)
    return [dict(found[path]) for path in paths if path in found]


def _has(known: Optional[JSON], wanted: Optional[TagFilter]) -> bool:
    for item in wanted or ():
        key, *value = [item] if isinstance(item, str) else list(item)
        if key not in (known or {}) or (value and str((known or {})[key]) != str(value[0])):
            return False
    return True


def _dataset_ids(model: JSON) -> List[str]:
    """``datasets`` are pairs of a scenario and a dataset's document or id."""
    answer = []
    for item in model.get("datasets") or ():
        dataset = item[-1] if isinstance(item, (list, tuple)) else item
        answer.append(dataset.get("id", "") if isinstance(dataset, Mapping) else str(dataset))
    return answer
