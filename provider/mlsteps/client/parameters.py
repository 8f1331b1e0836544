"""``pipeline_parameters`` of a submission, checked before anything is written or started."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from mlsteps.contracts.graph import Parameter
from mlsteps.errors import InvalidInput
from mlsteps.operators.assignments import assignments
from mlsteps.registry import datasets
from mlsteps.registry.documents import get_datastore
from mlsteps.storage.workspace_store import WorkspaceStore

__all__ = ["assignments", "check_places"]


def check_places(parameters: Iterable[Parameter], values: Mapping[str, Any], ws: WorkspaceStore) -> None:
    """Whether data paths and datasets among the values are in the workspace.

    :raises UserErrorException: for an unknown datastore; names those that exist.
    :raises InvalidInput: for an unknown dataset or version.
    """
    for item in parameters:
        value = values.get(item.name)
        if item.type == "datapath" and value is not None:
            get_datastore(ws, value["datastore"])
        if (
            item.type == "dataset"
            and value is not None
            and "id" in value
            and datasets.get_by_id(ws, value["id"]) is None
        ):
            raise InvalidInput(
                f"The pipeline parameter {item.name!r} is the dataset with the id {value['id']!r}, which the workspace "
                "does not have"
            )
        if item.type == "dataset" and value is not None and "registered" in value:
            named = value["registered"]
            if datasets.get(ws, named["name"], named.get("version", "latest")) is None:
                known = ", ".join(map(repr, datasets.names(ws))) or "none"
                raise InvalidInput(
                    f"The pipeline parameter {item.name!r} is the dataset {named['name']!r}, version "
                    f"{named.get('version', 'latest')}, which the workspace does not have",
                    expected=f"a registered dataset; it has {known}",
                )
