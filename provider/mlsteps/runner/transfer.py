"""A step that copies data and runs no script (``DataTransferStep``)."""

from __future__ import annotations

from typing import Any, Callable, List, Tuple

from mlsteps.contracts.manifest import OutputManifest
from mlsteps.contracts.spec import InputSpec, StepSpec
from mlsteps.errors import AzureMLException, UserErrorException
from mlsteps.registry.unfinished import Unfinished, begin, end
from mlsteps.runner.cancel import Cancel
from mlsteps.runner.failure import StepFailure
from mlsteps.runner.stores import Stores


def transfer(spec: StepSpec, stores: Stores, note: Callable[[str], None], cancel: Cancel) -> OutputManifest:
    """Copy the input that ``spec.transfer`` names to the place of the output that it names.

    :returns: what is at the destination now, as far as the transfer put it there.
    :raises StepFailure: ``input`` when there is nothing to copy, ``output`` when it cannot be copied there.
    """
    from mlsteps.storage.copying.plan import plan
    from mlsteps.storage.copying.run import copy

    wanted = spec.transfer
    source = next(item for item in spec.inputs if item.name == wanted["source"])
    target = next(item for item in spec.outputs if item.name == wanted["destination"])
    try:
        kind, found = files_of(source, wanted.get("source_reference_type"), stores)
    except AzureMLException as error:
        raise StepFailure("input", error.message) from error
    try:
        store = stores.datastore(target.datastore)
        planned = plan(found, kind, store, target.path, wanted.get("destination_reference_type"))
        note(planned.described())
        begun = _begun(spec, target.datastore, planned)
        begin(stores.workspace, begun)
        manifest = copy(planned, note=note, check=cancel.check)
        end(stores.workspace, begun)
        return manifest
    except StepFailure:
        raise
    except AzureMLException as error:
        category = "user" if isinstance(error, UserErrorException) else "output"
        raise StepFailure(category, f"The data was not transferred: {error.message}") from error


def _begun(spec: StepSpec, datastore: str, plan: Any) -> Unfinished:
    """What is noted of a transfer while it runs, so that a clean-up finds the parts when no other try comes."""
    from mlsteps.storage.copying.ledger import folder_of
    from mlsteps.storage.parts import LARGE

    large = [item for item in plan.items if item.source.size >= LARGE]
    size = sum(item.source.size for item in large)
    paths = tuple(item.path for item in large)
    who = (spec.step_name, spec.run_id, spec.pipeline_run_id)
    return Unfinished(0.0, datastore, folder_of(plan), paths, size, *who)


def files_of(source: InputSpec, kind: str | None, stores: Stores) -> Tuple[str, List[Any]]:
    """``file`` or ``directory``, and the files of a transfer's source.

    :raises AzureMLException: when there is nothing of that kind.
    """
    from mlsteps.storage.copying.plan import DIRECTORY, FILE, sources
    from mlsteps.storage.datasets import is_single_file, resolve_files
    from mlsteps.storage.globs import has_glob

    paths = source.definition.get("paths") or []
    path = paths[0].get("path", "").strip("/") if len(paths) == 1 and "datastore" in paths[0] else None
    if path is not None and not has_glob(path) and not source.definition.get("operations"):
        store = stores.datastore(paths[0]["datastore"])
        if source.may_be_empty and store.kind(path) is None:
            return DIRECTORY, []  # an output of another step that holds no file; object stores have no empty folders
        return sources(store, path, kind)
    found = resolve_files(source.definition, stores.datastore, missing_ok=source.may_be_empty)
    return FILE if is_single_file(source.definition, found) else DIRECTORY, found
