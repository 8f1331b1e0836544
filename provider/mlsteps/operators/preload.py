"""Loads what tasks need before Airflow forks the processes that run or parse DAGs: no task pays for it then.

A listener: Airflow's scheduler and DAG processor say ``on_starting`` when they have loaded their plugins and forked
nothing yet. Command lines and the API server never say it; a task does, and is passed by.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pluggy import HookimplMarker

#: What a step loads when it runs, and what DAG files load; not ``azureml``, which may be somebody else's there.
MODULES = (
    "mlsteps.compute.choose",
    "mlsteps.compute.local",
    "mlsteps.environments.identity",
    "mlsteps.environments.virtual",
    "mlsteps.environments.wheels",
    "mlsteps.operators.authored_graph",
    "mlsteps.operators.command",
    "mlsteps.operators.deferring",
    "mlsteps.operators.execution",
    "mlsteps.operators.planning",
    "mlsteps.operators.python_script",
    "mlsteps.operators.targets",
    "mlsteps.registry.datasets",
    "mlsteps.reuse.planner",
    "mlsteps.runner.__main__",
    "mlsteps.sdk.experiment",
    "mlsteps.sdk.pipeline",
    "mlsteps.sdk.pipeline_data",
    "mlsteps.sdk.runconfig",
    "mlsteps.sdk.steps.command",
    "mlsteps.sdk.steps.python_script",
    "mlsteps.sdk.surface.supported",
    "mlsteps.sdk.workspace",
    "mlsteps.storage.snapshots",
    "mlsteps.storage.transfer",
    "mlsteps.translate.dag",
)

hookimpl = HookimplMarker("airflow")


@hookimpl  # type: ignore[untyped-decorator]
def on_starting(component: Any) -> None:
    """Load :data:`MODULES` in a process of Airflow's that is about to fork others."""
    if type(component).__name__ == "Job":  # without an import of airflow.jobs, which tasks have no need of
        from airflow.sdk import BaseHook, Connection  # noqa: F401  # loaded when asked for

        for name in MODULES:
            import_module(name)
        import_module("mlsteps.runner.bound").look_for_setpriv()
