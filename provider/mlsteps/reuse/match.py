"""Does a record that was found by its fingerprint fit the names a step uses now? Pure.

Names are no part of the fingerprint, so renaming an input reuses. But a script may look a path up by its name
(``run.input_datasets["train"]``, an environment variable), so a name must not come to mean something else: when the
names of two inputs are exchanged, the same fingerprint stands for another result. Such a record does not count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Mapping

from mlsteps.contracts.codec import canonical
from mlsteps.contracts.record import StepRecord


def misfit(record: StepRecord, preimage: Mapping[str, Any]) -> str:
    """Why the record cannot stand for this step, though the fingerprint is the same; "" when it can."""
    before, after = record.preimage.get("details") or {}, preimage.get("details") or {}
    return _inputs(record.preimage, preimage) or _outputs(before, after) or _missing(record, before, after)


def renamed(record: StepRecord, preimage: Mapping[str, Any]) -> StepRecord:
    """The record with its outputs under the names they have now."""
    before = (record.preimage.get("details") or {}).get("outputs") or []
    after = (preimage.get("details") or {}).get("outputs") or []
    names = dict(zip(before, after, strict=True))
    if all(old == new for old, new in names.items()):
        return record
    return replace(record, outputs={names.get(name, name): output for name, output in record.outputs.items()})


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    known, wanted = _meanings(before), _meanings(after)
    for alias in sorted(set(known) & set(wanted)):
        if known[alias] != wanted[alias]:
            return f"the input name {alias!r} stands for other data than in the earlier run"
    return ""


def _meanings(preimage: Mapping[str, Any]) -> dict[str, str]:
    """What each name of an input stands for."""
    names = (preimage.get("details") or {}).get("inputs") or []
    ports = preimage.get("inputs") or []
    return {alias: canonical(port) for aliases, port in zip(names, ports, strict=False) for alias in aliases}


def _outputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    places = {name: number for number, name in enumerate(before.get("outputs") or [])}
    for number, name in enumerate(after.get("outputs") or []):
        if places.get(name, number) != number:
            return f"the output name {name!r} stands for another output than in the earlier run"
    return ""


def _missing(record: StepRecord, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    old, new = list(before.get("outputs") or []), list(after.get("outputs") or [])
    lost = [name for name in old if name not in record.outputs]
    if lost or len(old) != len(new):
        return f"the earlier run kept no record of output {', '.join(map(repr, lost)) or 'names'}"
    return ""
