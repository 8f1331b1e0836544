"""Clean-up as a task: what ``airflow mlsteps gc --apply`` does, for a DAG on a schedule."""

from __future__ import annotations

from typing import Any


def clean_up(older_than: str = "30d", mlsteps_conn_id: str | None = None, apply: bool = True) -> dict[str, Any]:
    """Delete intermediate outputs that nobody needs, parts that transfers left, and pods that nobody collects.

    :param older_than: how long an output was neither made nor reused: ``30d``, ``12h``, ``45m``.
    :param mlsteps_conn_id: of the workspace; None: the default one.
    :param apply: False only says what would be done.
    :returns: what was done, as JSON: ``{"delete"|"later"|"keep": {"steps", "files", "bytes"}}``; ``"parts": {"delete",
        "keep"}``: of how many interrupted transfers, where there are any; where steps run in pods, also ``"pods":
        {"delete", "keep", "unseen"}``: two numbers, and why those of a compute target were not looked at, by its name.
    :raises StoreError: when something cannot be deleted; the next call tries it again.
    """
    from mlsteps.compute.kubernetes_swept import sweep
    from mlsteps.hooks.mlsteps import resolve_reference
    from mlsteps.operators.failures import told_to_airflow
    from mlsteps.registry.workspaces import open_workspace
    from mlsteps.reuse.garbage import DELETE, KEEP, LATER, collect, plan, seconds_of
    from mlsteps.reuse.interrupted import tidy

    with told_to_airflow():
        ws = open_workspace(resolve_reference({}, mlsteps_conn_id))
        found = (collect if apply else plan)(ws, seconds_of(older_than))
        left = tidy(ws, seconds_of(older_than), apply=apply)
        swept = sweep(ws, apply=apply)
    answer: dict[str, Any] = {}
    for action in (DELETE, LATER, KEEP):
        items = [item for item in found if item.action == action]
        answer[action] = {
            "steps": len(items),
            "files": sum(item.files for item in items),
            "bytes": sum(item.size for item in items),
        }
    if left:
        answer["parts"] = {action: sum(item.action == action for item in left) for action in (DELETE, KEEP)}
    if swept is not None:
        counts = {action: sum(item.action == action for item in swept.pods) for action in (DELETE, KEEP)}
        answer["pods"] = {**counts, "unseen": dict(swept.unseen)}
    return answer
