"""Airflow operators of mlsteps.

Light: nothing is loaded until a name is asked for, and then neither a data library nor a storage driver.

* ``PythonScriptOperator``, ``CommandOperator``, ``DataTransferOperator``: for DAG authors
* ``FunctionOperator``: what ``@task.mlsteps`` makes
* ``StepOperator``, ``PlanOperator``: what :mod:`mlsteps.translate` makes of a pipeline
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsteps.operators.command import CommandOperator
    from mlsteps.operators.data_transfer import DataTransferOperator
    from mlsteps.operators.function import FunctionOperator
    from mlsteps.operators.plan import PlanOperator
    from mlsteps.operators.python_script import PythonScriptOperator
    from mlsteps.operators.step import StepOperator

_MODULES = {
    "CommandOperator": "command",
    "DataTransferOperator": "data_transfer",
    "FunctionOperator": "function",
    "PlanOperator": "plan",
    "PythonScriptOperator": "python_script",
    "StepOperator": "step",
}

__all__ = [
    "CommandOperator",
    "DataTransferOperator",
    "FunctionOperator",
    "PlanOperator",
    "PythonScriptOperator",
    "StepOperator",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
