"""What models are registered with, and where they are looked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, Mapping

from mlsteps.errors import InvalidInput, UserErrorException

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

#: Folder of the current directory where ``Model.get_model_path`` keeps models, as in the SDK.
CACHE = "azureml-models"
COMPLETE = ".complete"
_PLAIN = ("description", "model_framework", "model_framework_version")


def model_details(workspace: Workspace | None = None, **given: Any) -> dict[str, Any]:
    """The keyword arguments of the ``register`` methods as a model's document holds them; None left out.

    :param workspace: where datasets that were never saved are saved.
    """
    details: dict[str, Any] = {key: str(given[key]) for key in _PLAIN if given.get(key) is not None}
    for key in ("tags", "properties"):
        if given.get(key) is not None:
            details[key] = texts(given[key], key)
    if given.get("datasets"):
        details["datasets"] = dataset_pairs(given["datasets"], workspace)
    for key in ("sample_input_dataset", "sample_output_dataset"):
        if given.get(key) is not None:
            details[key] = _dataset_id(given[key], workspace)
    resources = given.get("resource_configuration")
    if resources is not None:
        serialize = getattr(resources, "serialize", None)
        details["resource_configuration"] = serialize() if callable(serialize) else str(resources)
    return details


def texts(values: Mapping[str, Any] | None, what: str = "tags") -> dict[str, Any]:
    """Tags or properties as text."""
    if values is not None and not isinstance(values, Mapping):
        raise InvalidInput(f"{what} is {values!r}", expected="a dict")
    return {str(key): None if value is None else str(value) for key, value in (values or {}).items()}


def tag_filter(wanted: Any) -> Any:
    """A filter as the registry wants it: each ``"key"`` or ``["key", "value"]``; a mapping and a text count, too."""
    if isinstance(wanted, Mapping):
        return [[key, value] for key, value in wanted.items()]
    return [wanted] if isinstance(wanted, str) else wanted


def dataset_pairs(datasets: Iterable[Any], workspace: Workspace | None) -> list[list[str]]:
    """``[[scenario, dataset id], ...]``; a dataset without a scenario is for ``training``."""
    pairs = []
    for item in datasets:
        scenario, dataset = item if isinstance(item, (tuple, list)) else ("training", item)
        pairs.append([str(scenario), _dataset_id(dataset, workspace)])
    return pairs


def _dataset_id(dataset: Any, workspace: Workspace | None) -> str:
    known = dataset if isinstance(dataset, str) else getattr(dataset, "id", None)
    if known:
        return str(known)
    definition = getattr(dataset, "_definition", None)
    if not callable(definition) or workspace is None:
        raise InvalidInput(f"{dataset!r} is no dataset", expected="a FileDataset or a TabularDataset")
    from mlsteps.registry.datasets import save

    return save(workspace._store(), definition())


def workspace_at_hand() -> Workspace | None:
    """The running step's workspace, else the one that is configured; None when that cannot be told."""
    from mlsteps.sdk.workspace import Workspace

    try:
        return Workspace.from_config()
    except UserErrorException:
        return None


def cached_version(name: str, version: Any) -> str | None:
    """A model that somebody put into the cache folder, the newest version unless one is asked for."""
    base = os.path.join(CACHE, name)
    known = [item for item in (os.listdir(base) if os.path.isdir(base) else ()) if item.isdigit()]
    if version is not None:
        known = [item for item in known if item == str(version)]
    for number in sorted(known, key=int, reverse=True):
        folder = os.path.join(base, number)
        inside = [item for item in sorted(os.listdir(folder)) if item != COMPLETE]
        if inside:
            return os.path.join(folder, inside[0]) if len(inside) == 1 else folder
    return None
