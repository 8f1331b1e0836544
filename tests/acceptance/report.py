"""The table of an acceptance session."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.acceptance.harness import Outcome


def write_report(outcomes: list[Outcome], path: str | None) -> None:
    """Print the table; also write it as JSON when a path is given."""
    print("\n" + table(outcomes))
    if path:
        Path(path).write_text(json.dumps([outcome._asdict() for outcome in outcomes], indent=1))


def table(outcomes: list[Outcome]) -> str:
    """One line a row, one a failing line of it, and the counts."""
    lines = []
    for outcome in sorted(outcomes):
        holds = sum(result == "holds" for result in outcome.lines.values())
        text = f"{outcome.id:<5} {outcome.level:<4} of {outcome.wanted}  {holds}/{len(outcome.lines)} lines hold"
        lines.append(text + (f"  waits for {outcome.waits_for}" if outcome.waits_for else ""))
        if outcome.check != "agrees":
            lines.append(f"        {outcome.check}")
        if outcome.stops:
            lines.append(f"        stops at: {outcome.stops}")
        lines += [f"        {name}: {result}" for name, result in outcome.lines.items() if result != "holds"]
    counts = Counter(outcome.level for outcome in outcomes)
    apart = [outcome for outcome in outcomes if outcome.waits_for and not outcome.reached]
    lines.append("  ".join(f"{level}: {counts[level]}" for level in ("L3", "L2", "L1", "none")))
    lines.append(
        f"at their level: {sum(outcome.reached for outcome in outcomes)} of {len(outcomes)}; apart: {len(apart)}"
    )
    return "\n".join(lines)
