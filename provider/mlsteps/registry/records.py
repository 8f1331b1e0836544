"""Finished steps by fingerprint, and the manifests of their outputs.

records/<aa>/<fingerprint>.json                       StepRecord, created if absent
records_by_step/<key>/<created>-<fingerprint>.json    says that a step of this name and type has that record
manifests/<step-run-id>/<output>.json                 OutputManifest
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from mlsteps.contracts.codec import canonical, digest_of
from mlsteps.contracts.manifest import OutputManifest
from mlsteps.contracts.record import StepRecord
from mlsteps.errors import InvalidInput, StoreError
from mlsteps.registry.names import file_name
from mlsteps.storage.workspace_store import WorkspaceStore

#: Among how many of a step's newest records the nearest is looked for.
_CANDIDATES = 8


def put_record(ws: WorkspaceStore, record: StepRecord, replace: bool = False) -> StepRecord:
    """Store a record if its fingerprint has none; answers the record that counts.

    Two runs of the same work may end at once: the first to come is what every later run finds. A record without a
    fingerprint (of a step that cannot be reused) is never stored.

    :param replace: the record there is no longer holds (``Decision.replace``): this one takes its place.
    """
    if replace or not record.fingerprint:
        return replace_record(ws, record)
    if ws.create_json(_path(record.fingerprint), record.to_json()):
        _index(ws, record)
        return record
    known = get_records(ws, [record.fingerprint]).get(record.fingerprint)
    return replace_record(ws, record) if known is None else known


def replace_record(ws: WorkspaceStore, record: StepRecord) -> StepRecord:
    """Store a record in place of one that no longer holds: its outputs are gone, or it cannot be read."""
    if not record.fingerprint:
        return record
    ws.write_json(_path(record.fingerprint), record.to_json())
    _index(ws, record)
    return record


def get_records(ws: WorkspaceStore, fingerprints: Iterable[str]) -> dict[str, StepRecord]:
    """The records there are, in one concurrent read; one of another release counts as none."""
    paths = {_path(item): item for item in fingerprints if item}
    found = {paths[path]: _revived(data) for path, data in _read_many(ws, list(paths)).items()}
    return {fingerprint: record for fingerprint, record in found.items() if record is not None}


def all_records(ws: WorkspaceStore) -> list[StepRecord]:
    """Every record of the workspace that this release reads."""
    found = [name for folder in ws.store.folders("records") for name in ws.names(f"records/{folder}")]
    return list(get_records(ws, found).values())


def delete_record(ws: WorkspaceStore, record: StepRecord) -> None:
    """Forget a record, so that its step runs again; does nothing when another has taken its place."""
    known = get_records(ws, [record.fingerprint]).get(record.fingerprint)
    if known is not None and known.producer == record.producer:
        ws.delete(_path(record.fingerprint))


def nearest_record(ws: WorkspaceStore, preimage: Mapping[str, Any]) -> StepRecord | None:
    """Of the newest records of steps with this name and type, the one that differs in the fewest components.

    :param preimage: of the step at hand; the step's name is ``details.name`` in it.
    """
    folder = f"records_by_step/{_step_key(preimage)}"
    newest = sorted(ws.names(folder), reverse=True)[:_CANDIDATES]
    order = [item.partition("-")[2] for item in newest]
    found = get_records(ws, order)
    candidates = [found[fingerprint] for fingerprint in dict.fromkeys(order) if fingerprint in found]
    return min(candidates, key=lambda record: _distance(record.preimage, preimage), default=None)


def put_manifest(ws: WorkspaceStore, step_run_id: str, output: str, manifest: OutputManifest) -> str:
    """Store the manifest of an output; answers its path, as ``OutputRecord.manifest`` holds it."""
    path = f"manifests/{file_name(step_run_id)}/{file_name(output)}.json"
    ws.write_json(path, manifest.to_json())
    return path


def get_manifest(ws: WorkspaceStore, path: str) -> OutputManifest | None:
    """The manifest at a path that :func:`put_manifest` answered, or None."""
    data = ws.read_json(path)
    return None if data is None else OutputManifest.from_json(data)


def _path(fingerprint: str) -> str:
    if not fingerprint.isalnum():
        raise InvalidInput(f"{fingerprint!r} is no fingerprint", expected="hexadecimal digits")
    return f"records/{fingerprint[:2]}/{fingerprint}.json"


def _read_many(ws: WorkspaceStore, paths: list[str]) -> dict[str, Any]:
    """As ``ws.read_many``; a damaged document counts as absent and hides none of the others."""
    try:
        return ws.read_many(paths)
    except StoreError:
        if len(paths) == 1 and ws.store.kind(paths[0]) == "file":
            return {}
        if len(paths) <= 1:
            raise
        return {path: data for one in paths for path, data in _read_many(ws, [one]).items()}


def _revived(data: Any) -> StepRecord | None:
    try:
        return StepRecord.from_json(data)
    except (InvalidInput, TypeError, ValueError, AttributeError):
        return None  # of another release, or damaged: the step runs again and replaces it


def _step_key(preimage: Mapping[str, Any]) -> str:
    name = (preimage.get("details") or {}).get("name")
    return digest_of([preimage.get("type"), name])[:32]


def _index(ws: WorkspaceStore, record: StepRecord) -> None:
    moment = f"{int(record.created * 1000):015d}"
    path = f"records_by_step/{_step_key(record.preimage)}/{moment}-{record.fingerprint}.json"
    ws.create_json(path, {"fingerprint": record.fingerprint})


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    names = (set(one) | set(other)) - {"details"}
    return sum(canonical(one.get(name)) != canonical(other.get(name)) for name in names)
