"""The operations of a FileDataset that choose among its files."""

from __future__ import annotations

import hashlib
from typing import Any, Callable, Iterable, List, Mapping, TypeVar

from mlsteps.errors import DatasetValidationError, UnsupportedFeature

T = TypeVar("T")


def apply_operations(files: List[T], operations: Iterable[Mapping[str, Any]], name: Callable[[T], str]) -> List[T]:
    """``files`` after ``take``, ``skip``, ``take_sample`` and ``split``, in order.

    Chance depends on the seed and a file's name alone: the two halves of a split fill each other up, and both stay
    as they are when another file comes.

    :raises UnsupportedFeature: for operations on rows.
    """
    for operation in operations:
        kind = operation.get("op")
        if kind == "take":
            files = files[: int(operation["count"])]
        elif kind == "skip":
            files = files[int(operation["count"]) :]
        elif kind == "take_sample":
            share = float(operation["probability"])
            files = [item for item in files if _chance(operation.get("seed"), name(item)) < share]
        elif kind == "split":
            low, high = _share(operation)
            files = [item for item in files if low <= _chance(operation.get("seed"), name(item)) < high]
        else:
            raise UnsupportedFeature(f"{kind!r} on a FileDataset", "it works on rows", "a TabularDataset")
    return files


def _share(operation: Mapping[str, Any]) -> tuple[float, float]:
    low, high = operation.get("low", 0.0), operation.get("high", operation.get("fraction"))
    if high is None:
        raise DatasetValidationError(f"{dict(operation)!r} does not say which share to keep.")
    return float(low), float(high)


def _chance(seed: Any, name: str) -> float:
    """A number in [0, 1) that is the same wherever it is computed."""
    whole = hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(whole[:7], "big") / float(1 << 56)
