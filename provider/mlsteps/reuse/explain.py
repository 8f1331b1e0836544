"""Decisions in words, and as JSON, for logs, the command line and the UI."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mlsteps.contracts.record import StepRecord
from mlsteps.reuse.decision import REUSE, RUN, Decision, Plan
from mlsteps.reuse.difference import difference


def origin(record: StepRecord) -> str:
    """Which run a record comes from, and when: ``run <id> of <dag>, 2026-01-31 12:00 UTC, 3.2 s saved`` without the
    saving."""
    producer = record.producer
    run = producer.get("pipeline_run_id") or producer.get("run_id") or "an unknown run"
    dag = f" of {producer['dag_id']}" if producer.get("dag_id") else ""
    return f"run {run}{dag}, {moment(record.created)}"


def explain(decision: Decision) -> str:
    """A decision in a few lines: what, why, and the details below."""
    lines = [f"{decision.name or decision.step}: {decision.action}. {decision.reason}."]
    if decision.fingerprint:
        lines.append(f"  fingerprint {decision.fingerprint}")
    if decision.action == REUSE and decision.record is not None:
        lines.append(f"  saves {duration(decision.record.seconds)}")
        lines.extend(
            f"  output {name}: {output.datastore}/{output.path} ({output.count} files, {output.size} bytes)"
            for name, output in decision.record.outputs.items()
        )
    if decision.action == RUN and decision.record is not None and decision.preimage is not None:
        lines.extend(f"  {change}" for change in difference(decision.record.preimage, decision.preimage))
    return "\n".join(lines)


def explain_plan(plan: Plan) -> str:
    """A plan in words: one line a step, and what is saved in all."""
    width = max((len(decision.name or decision.step) for decision in plan.decisions), default=0)
    lines = [
        f"{decision.name or decision.step:<{width}}  {decision.action:<5}  {decision.reason}"
        for decision in plan.decisions
    ]
    saved = sum(made.record.seconds for made in plan.decisions if made.action == REUSE and made.record is not None)
    lines.append(f"{len(plan.reused)} of {len(plan.decisions)} steps are reused, which saves {duration(saved)}.")
    return "\n".join(lines)


def as_json(decision: Decision) -> dict[str, Any]:
    """All that is known of a decision, as JSON data; ``changes`` when there is an earlier record to compare with."""
    answer = decision.to_json(full=True)
    if decision.record is not None:
        answer["source_run"] = dict(decision.record.producer)
        answer["source_created"] = decision.record.created
    if decision.action == REUSE and decision.record is not None:
        answer["seconds_saved"] = decision.record.seconds
    if decision.action == RUN and decision.record is not None and decision.preimage is not None:
        changes = difference(decision.record.preimage, decision.preimage)
        answer["changes"] = [{**change._asdict(), "text": str(change)} for change in changes]
    return answer


def plan_as_json(plan: Plan) -> list[dict[str, Any]]:
    """:func:`as_json` of each decision, in the plan's order."""
    return [as_json(decision) for decision in plan.decisions]


def moment(seconds: float) -> str:
    """Seconds since the epoch as a person reads them, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float) -> str:
    """``0.4 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
