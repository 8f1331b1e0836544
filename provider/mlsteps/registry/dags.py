"""What Airflow serves of a workspace: ``dags/<dag_id>.json``, one small document for each DAG.

    {"dag_id", "kind": "experiment" | "published" | "endpoint", "graph": digest, "experiment": of runs that name none,
     "id"?: of the published pipeline or endpoint, "pipeline_id"?, "display_name"?, "description"?, "version"?,
     "tags"?, "continue_on_step_failure"?, "schedule"?, "params"?: defaults of the trigger form,
     "retired"?: since when it takes no new runs, in seconds since the epoch}

One listing of the folder tells what has changed. A document names its graph by digest, so that it changes whenever
what the DAG does changes, and says nothing that varies otherwise: equal documents are the same version of a DAG.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any, Dict, List, Mapping

from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER = "dags"
#: Seconds that a DAG which takes no new runs is still served: Airflow stops the runs of a DAG that is gone.
RETIRED_FOR = 7 * 24 * 3600.0
_LONGEST = 180


def slug(name: str) -> str:
    """A name as a DAG id: letters, digits, ``_``, ``-`` and ``.``; different names stay different."""
    made = _plain(name)
    if made == name and len(made) <= _LONGEST:
        return made
    return f"{made[:_LONGEST]}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def dag_id(name: str, id: str) -> str:
    """The DAG of something published: readable by its name, told from others of that name by its id."""
    return f"{_plain(name)[:_LONGEST].rstrip('-.')}-{id[:8]}"


def experiment_name(name: str) -> str:
    """A name as that of an experiment, for runs that are started without one."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:_LONGEST] or "pipeline"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "pipeline"


def path_of(id: str) -> str:
    """Where the document of a DAG lies."""
    return f"{FOLDER}/{id}.json"


def serve(ws: WorkspaceStore, document: Mapping[str, Any]) -> bool:
    """Have Airflow serve a DAG as ``document`` says; False when it does already."""
    kept = {key: value for key, value in document.items() if value not in (None, [], {})}
    path = path_of(kept["dag_id"])
    if ws.read_json(path) == kept:
        return False
    ws.write_json(path, kept)
    return True


def get(ws: WorkspaceStore, id: str) -> Dict[str, Any] | None:
    """The document of a DAG, or None."""
    return ws.read_json(path_of(id))


def retire(ws: WorkspaceStore, id: str) -> None:
    """Let a DAG take no new runs; those that go on are finished, so it is served for a while yet."""
    document = get(ws, id)
    if document is not None and "retired" not in document:
        ws.write_json(path_of(id), {**document, "retired": time.time()})


def names(ws: WorkspaceStore) -> List[str]:
    """The ids of all DAGs, also retired ones."""
    return ws.names(FOLDER)


def is_over(document: Mapping[str, Any], now: float | None = None) -> bool:
    """Whether a DAG was retired so long ago that it is served no more."""
    retired = document.get("retired")
    return retired is not None and float(retired) + RETIRED_FOR < (time.time() if now is None else now)
