"""Timing in pairs: A, B, A, B ..., so that a machine whose speed drifts changes both alike."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(
    ours: Callable[[], object],
    peer: Callable[[], object],
    repeats: int = 5,
    before: Callable[[], object] = lambda: None,
) -> tuple[float, float, float]:
    """Median seconds of both and the median of the ratios, after one warm-up of each.

    :param before: called before each, and not timed.
    """

    def once(work: Callable[[], object]) -> float:
        before()
        return seconds(work)

    once(ours), once(peer)
    pairs = [(once(ours), once(peer)) for _ in range(repeats)]
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


def report(name: str, unit: str, ours: float, peer: float, ratio: float, target: float | None = None, **more) -> None:
    """One JSON line."""
    line = {"benchmark": name, "unit": unit, "ours": round(ours, 4), "peer": round(peer, 4), "ratio": round(ratio, 3)}
    print(json.dumps({**line, "target": target, **more}), flush=True)
