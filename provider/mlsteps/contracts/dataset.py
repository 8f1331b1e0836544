"""A dataset's definition: where its files lie, how to read them, and what to do with the rows. JSON data.

    {"type": "file" | "tabular",
     "paths": [{"datastore": "workspaceblobstore", "path": "train-images/**"} | {"url": "https://..."} , ...],
     "sql": {"datastore":, "query":, "timeout":},                      instead of paths
     "reader": {"format": "delimited" | "parquet" | "json_lines", ...options of the SDK's factory...},   tabular only
     "partition_format": "{year:yyyy}/{month}/data.csv",
     "include_path": false,
     "operations": [{"op": "take", "count": 10}, {"op": "keep_columns", "columns": [...]}, ...]}

Operations, applied in order: ``take count``, ``skip count``, ``take_sample probability seed``, ``split fraction low
high seed`` (what ``random_split`` gives), ``keep_columns columns``, ``drop_columns columns``, ``filter expression``,
``timestamp_columns timestamp partition_timestamp``, ``time_filter column start end include_start include_end``.
"""

from __future__ import annotations

import uuid
from typing import Any, Mapping

from mlsteps.contracts.codec import canonical

Definition = Mapping[str, Any]

#: Name space of ids derived from a definition; never change it, ids are stored.
_IDS = uuid.UUID("5f2ba2f1-5c1e-4f0c-9a55-0d6c1f3a2b10")


def dataset_id(definition: Definition) -> str:
    """The id of a saved dataset: the same definition always has the same id."""
    return str(uuid.uuid5(_IDS, canonical(definition)))


def file_definition(datastore: str, path: str) -> dict[str, Any]:
    """A FileDataset over one place in a datastore (a folder or a file)."""
    return {"type": "file", "paths": [{"datastore": datastore, "path": path}]}


def transformed(definition: Definition, transform: Definition | None) -> dict[str, Any]:
    """``definition`` with a port's ``transform`` (type, reader, operations...) laid on top."""
    if not transform:
        return dict(definition)
    operations = [*definition.get("operations", []), *transform.get("operations", [])]
    merged = {**definition, **transform}
    if operations:
        merged["operations"] = operations
    return merged
