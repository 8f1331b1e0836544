"""A bundle's folder: ``bundle.json``, and one loader file for each shard, all of the same text.

``bundle.json`` says where the workspace and the cache are, and which shards (by digest) belong to the folder's
version. No code is generated: a loader finds its shard by its own name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlsteps.bundles.cache import Cache, write_file

DESCRIPTION = "bundle.json"
_PREFIX = "mlsteps_"
LOADER = '''"""Pipelines of a workspace. Written by MlstepsDagBundle; the same text whatever they are."""

from mlsteps.bundles.loader import load

load(globals(), __file__)  # an Airflow DAG is made of each graph
'''


class Description(NamedTuple):
    """What ``bundle.json`` says.

    :param shards: ``{shard: digest}``; :param cache: folder of the documents on this machine.
    :param scheduling: pool, queue and executor by compute target.
    """

    root: str
    cache: str
    version: str
    shards: dict[str, str]
    scheduling: dict[str, dict[str, str]]

    def documents(self) -> Cache:
        """The documents."""
        return Cache(Path(self.cache), self.root)


def read(folder: Path) -> Description | None:
    """What the folder's ``bundle.json`` says; None when it is not there, or is of another release."""
    try:
        said = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Description(**said) if set(said) == set(Description._fields) else None


def write(folder: Path, description: Description) -> None:
    """Make the folder say this. A loader whose DAGs have changed gets a new time, so that Airflow reads it again."""
    before = read(folder)
    known: Mapping[str, str] = before.shards if before and before.scheduling == description.scheduling else {}
    for shard in description.shards:
        if not (folder / loader_name(shard)).exists():
            write_file(folder / loader_name(shard), LOADER)
    # Last: a folder that has it is whole.
    write_file(folder / DESCRIPTION, json.dumps(description._asdict(), indent=1))
    for shard, digest in description.shards.items():
        if known.get(shard) != digest:
            os.utime(folder / loader_name(shard))
    for file in folder.glob(f"{_PREFIX}*.py"):
        if shard_of(str(file)) not in description.shards:
            file.unlink(missing_ok=True)


def loader_name(shard: str) -> str:
    """The file of a shard."""
    return f"{_PREFIX}{shard}.py"


def shard_of(file: str) -> str:
    """The shard of a loader file."""
    return Path(file).stem.removeprefix(_PREFIX)


def dag_documents(folder: Path, file: str) -> tuple[Any, Description]:
    """The documents of a loader's DAGs by id, and what the folder says."""
    description = read(folder)
    shard = shard_of(file)
    if description is None or shard not in description.shards:
        return {}, description or Description("", str(folder), "", {}, {})
    return description.documents().version(description.shards[shard]), description
