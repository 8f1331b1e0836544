"""Timing in pairs: A, B, A, B ..., so that a machine whose speed drifts changes both alike; and peak memory."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

#: Pairs that are counted.
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def forget_peak() -> None:
    """From here on the peak memory of this process counts anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb(pid: int | str = "self") -> float:
    """The most memory in MiB that a process has had, since it was started or :func:`forget_peak` was called.

    `ru_maxrss` would not do: a process begins with that of whoever started it.
    """
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def paired(
    ours: Callable[[], object],
    peer: Callable[[], object],
    repeats: int = ROUNDS,
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
