"""Clean-up as a task: what ``airflow mlsteps gc --apply`` does, for a DAG on a schedule."""

from __future__ import annotations

from typing import Any


def clean_up(older_than: str = "30d", mlsteps_conn_id: str | None = None, apply: bool = True) -> dict[str, Any]:
    """Delete intermediate outputs that nobody needs; answers what was done, as JSON.

    :param older_than: how long an output was neither made nor reused: ``30d``, ``12h``, ``45m``.
    :param mlsteps_conn_id: of the workspace; None: the default one.
    :param apply: False only says what would be done.
    :returns: ``{"delete"|"later"|"keep": {"steps", "files", "bytes"}}``.
    :raises StoreError: when something cannot be deleted; the next call tries it again.
    """
    from mlsteps.hooks.mlsteps import resolve_reference
    from mlsteps.operators.failures import told_to_airflow
    from mlsteps.registry.workspaces import open_workspace
    from mlsteps.reuse.garbage import DELETE, KEEP, LATER, collect, plan, seconds_of

    with told_to_airflow():
        ws = open_workspace(resolve_reference({}, mlsteps_conn_id))
        found = (collect if apply else plan)(ws, seconds_of(older_than))
    answer = {}
    for action in (DELETE, LATER, KEEP):
        items = [item for item in found if item.action == action]
        answer[action] = {
            "steps": len(items),
            "files": sum(item.files for item in items),
            "bytes": sum(item.size for item in items),
        }
    return answer
