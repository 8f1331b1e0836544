"""The operations of a FileDataset, which choose among its files."""

from __future__ import annotations

import hashlib
from typing import Any, Callable, List, Mapping, TypeVar

from mlsteps.contracts.dataset import Definition
from mlsteps.errors import DatasetValidationError, UnsupportedFeature
from mlsteps.storage.file_filter import passes

T = TypeVar("T", bound=Any)  # a SourceFile


def apply_operations(files: List[T], definition: Definition) -> List[T]:
    """``files`` after ``take``, ``skip``, ``take_sample``, ``split`` and ``filter``, in the definition's order.

    Chance depends on the seed and a file's name alone: the two halves of a split fill each other up, and both stay
    as they are when another file comes.

    :raises UnsupportedFeature: for operations on rows.
    :raises DatasetExecutionError: for a filter that cannot be evaluated.
    """
    for operation in definition.get("operations") or ():
        kind = operation.get("op")
        if kind == "take":
            files = files[: int(operation["count"])]
        elif kind == "skip":
            files = files[int(operation["count"]) :]
        elif kind in _TESTS:
            test = _TESTS[kind](operation, definition)
            files = [item for item in files if test(item)]
        else:
            raise UnsupportedFeature(f"{kind!r} on a FileDataset", "it works on rows", "a TabularDataset")
    return files


def _sampled(operation: Mapping[str, Any], definition: Definition) -> Callable[[Any], bool]:
    share, seed = float(operation["probability"]), operation.get("seed")
    return lambda item: _chance(seed, item.relative) < share


def _in_share(operation: Mapping[str, Any], definition: Definition) -> Callable[[Any], bool]:
    low, high = operation.get("low", 0.0), operation.get("high", operation.get("fraction"))
    if high is None:
        raise DatasetValidationError(f"{dict(operation)!r} does not say which share to keep.")
    return lambda item: float(low) <= _chance(operation.get("seed"), item.relative) < float(high)


def _chance(seed: Any, name: str) -> float:
    """A number in [0, 1) that is the same wherever it is computed."""
    whole = hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(whole[:7], "big") / float(1 << 56)


def _filtered(operation: Mapping[str, Any], definition: Definition) -> Callable[[Any], bool]:
    return lambda item: passes(item, operation["expression"], definition)


_Maker = Callable[[Mapping[str, Any], Definition], Callable[[Any], bool]]
_TESTS: Mapping[str, _Maker] = {"take_sample": _sampled, "split": _in_share, "filter": _filtered}
