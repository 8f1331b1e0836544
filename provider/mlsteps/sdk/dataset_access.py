"""How datasets reach their files: stores of a workspace by name, the files of a definition, saved documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List

from mlsteps.errors import DatasetValidationError, UserErrorException
from mlsteps.storage.base import redact

if TYPE_CHECKING:
    from mlsteps.storage.base import Store
    from mlsteps.storage.datasets import SourceFile

Files = List["SourceFile"]


def opener(workspace: Any) -> Callable[[str], Store]:
    """A function that opens a datastore of the workspace by its name, each once.

    :param workspace: None is fine for datasets of URLs alone.
    """
    opened: dict[str, Any] = {}

    def open_by_name(name: str) -> Store:
        if name not in opened:
            opened[name] = _open(workspace, name)
        store: Store = opened[name]
        return store

    return open_by_name


def _open(workspace: Any, name: str) -> Any:
    from mlsteps.registry.documents import get_datastore
    from mlsteps.sdk.datastore_credentials import recall
    from mlsteps.storage.open import open_datastore

    if workspace is None:
        raise UserErrorException(
            f"A dataset refers to the datastore {name!r}, but it is not known of which workspace. "
            "Take it from one: Dataset.get_by_name(workspace, name), or Datastore.get(workspace, name)."
        )
    document = get_datastore(workspace._store(), name)
    return open_datastore(document, recall(workspace, document["name"], document.get("connection")))


def files_of(definition: Any, workspace: Any, missing_ok: bool = False) -> Files:
    """The files of a definition, its file operations applied.

    :param missing_ok: a path without files is empty rather than an error.
    """
    from mlsteps.storage.datasets import resolve_files

    return resolve_files(definition, opener(workspace), missing_ok=missing_ok)


def check_files(definition: Any, workspace: Any) -> None:
    """What ``validate=True`` asks for: that there is something to read.

    :raises DatasetValidationError: when the paths name no file.
    """
    if definition.get("paths") and not files_of(definition, workspace):
        raise DatasetValidationError(
            f"The dataset has no files: nothing matches {describe(definition)}. "
            "Upload the data first, mend the path, or give validate=False."
        )


def describe(definition: Any) -> str:
    """The places of a definition for a person: ``workspaceblobstore:titanic/*.csv``."""
    if "sql" in definition:
        return f"a query on {definition['sql']['datastore']}"
    shown = [
        redact(item["url"]) if "url" in item else f"{item['datastore']}:{item['path'] or '/'}"
        for item in definition.get("paths", ())
    ]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return ", ".join(shown[:3]) + more
