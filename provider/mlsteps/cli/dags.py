"""DAGs as their files say them, without Airflow's database."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsteps.operators.plan import PlanOperator


def plan_task(dag_id: str, bundle_names: Collection[str] | None = None, task_group: str | None = None) -> PlanOperator:
    """The task that plans a DAG, or one pipeline of it, from the DAG's file.

    :param task_group: which, when a DAG holds several pipelines as task groups.
    :raises SystemExit: when there is none; says what there is.
    """
    from mlsteps.operators.plan import PlanOperator

    found = [task for task in dag(dag_id, bundle_names).tasks if isinstance(task, PlanOperator)]
    if not found:
        raise SystemExit(f"DAG {dag_id!r} was not made from a pipeline: it has no task that plans.")
    groups = {task.pipeline_group: task for task in found}
    if task_group is None and len(found) == 1:
        return found[0]
    if task_group not in groups:
        known = ", ".join(repr(name) for name in groups)
        asked = "holds several pipelines" if task_group is None else f"has no pipeline {task_group!r}"
        raise SystemExit(f"DAG {dag_id!r} {asked}. --group says which: one of {known}.")
    return groups[task_group]


def dag(dag_id: str, bundle_names: Collection[str] | None = None) -> Any:
    """A DAG.

    :param bundle_names: DAG bundles to look in; all of them by default.
    :raises SystemExit: when there is none; says which files could not be read.
    """
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag

    errors: dict[str, str] = {}
    for bundle in DagBundlesManager().get_all_dag_bundles():  # type: ignore[no-untyped-call]
        if bundle.name in (bundle_names or [bundle.name]):
            bundle.initialize()
            bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
            if dag_id in bag.dags:
                return bag.dags[dag_id]
            errors.update(bag.import_errors)
    told = "".join(f"\n{path} cannot be read: {error.strip()}" for path, error in errors.items())
    raise SystemExit(f"There is no DAG {dag_id!r} in the DAG bundles.{told}")
