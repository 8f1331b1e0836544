"""What each loader file of a bundle calls: its shard's pipelines become DAGs. No user code runs here."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsteps.bundles.folder import Description, dag_documents

if TYPE_CHECKING:
    from airflow.sdk import DAG


log = logging.getLogger(__name__)


def load(namespace: MutableMapping[str, Any], file: str) -> None:
    """Put the DAGs of a loader file into its ``globals()``.

    For a task only its own DAG is made, and what stands in the way of that is an error. Otherwise a pipeline that
    cannot be made a DAG is logged and left out: the others are not held up by it.

    :param file: the loader's ``__file__``.
    """
    from airflow.sdk import get_parsing_context

    path = os.path.abspath(file)
    documents, folder = dag_documents(Path(path).parent, path)
    wanted = get_parsing_context().dag_id
    if wanted is not None and wanted in documents:
        namespace[wanted] = _made(documents[wanted], folder)
        return
    for dag_id, document in documents.items():
        try:
            namespace[dag_id] = _made(document, folder)
        except Exception:  # whatever it is, the next one may be sound
            log.exception("The stored pipeline %s of the workspace at %s cannot become a DAG", dag_id, folder.root)


def _made(document: Mapping[str, Any], folder: Description) -> DAG:
    from mlsteps.translate.served import dag_of

    return dag_of(document, folder.documents().graph, folder.root, folder.scheduling)
