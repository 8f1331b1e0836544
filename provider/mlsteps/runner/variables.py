"""The environment variables a script sees (named as the SDK names them)."""

from __future__ import annotations

import os
import sys
from typing import Mapping

from mlsteps.contracts.arguments import text
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepSpec
from mlsteps.runner import run_file
from mlsteps.storage import relayed

#: The worker's own affairs, secrets among them: configuration, connections, variables.
_WORKERS_OWN = ("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_", "_AIRFLOW", "__AIRFLOW")
#: Of the runner's interpreter, not of the script's.
_INTERPRETERS = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
#: Names that an input or output may not take (the SDK refuses them when they are given).
_RESERVED = frozenset(("path", "ld_library_path", "user", "logname", "home", "pwd", "shell", "pythonpath"))


def variables(
    spec: StepSpec,
    inherited: Mapping[str, str],
    *,
    runtime: str,
    run_path: str,
    folder: str,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    stores: str | None = None,
) -> dict[str, str]:
    """All variables of the script.

    The worker's are inherited, less what is Airflow's own; the step's interpreter comes first on ``PATH``.

    :param runtime: the runtime folder; :param run_path: the file that ``MLSTEPS_RUN`` names.
    :param folder: the script's working directory; modules in it can be imported wherever the script itself lies.
    :param inputs: :param outputs: local paths (or dataset ids) by port name.
    :param stores: socket at which the runner opens remote stores for the script.
    """
    answer = {name: value for name, value in inherited.items() if not _is_left_out(name)}
    answer["PYTHONUNBUFFERED"] = "1"  # lines show when they are printed, not when a buffer is full
    answer["PYTHONIOENCODING"] = "utf-8"
    answer.update(_interpreter(spec.interpreter, answer.get("PATH", os.defpath)))
    for port in spec.inputs:
        answer.update(_of_input(port, inputs[port.name]))
    for output in spec.outputs:
        answer.update(_of_output(output, outputs[output.name]))
    answer.update({f"AML_PARAMETER_{name}": text(value) for name, value in spec.parameters.items()})
    answer.update(spec.environment_variables)
    answer.update(_of_run(spec))
    answer[run_file.VARIABLE] = run_path
    if stores:
        answer[relayed.VARIABLE] = stores
    own = [spec.environment_variables.get("PYTHONPATH", ""), _kept_path(spec, inherited)]
    answer["PYTHONPATH"] = os.pathsep.join([runtime, *filter(None, own), folder])
    answer["PWD"] = folder
    return answer


def _is_left_out(name: str) -> bool:
    return name.startswith(_WORKERS_OWN) or name in _INTERPRETERS


def _interpreter(path: str, search: str) -> dict[str, str]:
    """As an activated environment: its programs are found first."""
    folder = os.path.dirname(path)
    if not folder:
        return {}
    answer = {"PATH": os.pathsep.join([folder, search])}
    if os.path.exists(os.path.join(os.path.dirname(folder), "pyvenv.cfg")):
        answer["VIRTUAL_ENV"] = os.path.dirname(folder)
    return answer


def _kept_path(spec: StepSpec, inherited: Mapping[str, str]) -> str:
    """The worker's ``PYTHONPATH`` is for the worker's Python: other versions must not meet its packages."""
    return inherited.get("PYTHONPATH", "") if spec.interpreter == sys.executable else ""


def _of_input(port: InputSpec, value: str) -> dict[str, str]:
    names = {f"AZUREML_DATAREFERENCE_{port.name}"}
    if port.kind != "reference":
        names.add(port.name)
    return _named([*names, port.variable], value)


def _of_output(port: OutputSpec, path: str) -> dict[str, str]:
    own = f"AZUREML_DATAREFERENCE_{port.name}" if port.kind == "pipeline_data" else port.name
    return _named([own, port.variable], path)


def _named(names: list[str | None], value: str) -> dict[str, str]:
    return {name: value for name in names if name and name.lower() not in _RESERVED}


def _of_run(spec: StepSpec) -> dict[str, str]:
    workspace = spec.workspace
    return {
        "AZUREML_RUN_ID": spec.run_id,
        "AZUREML_ROOT_RUN_ID": spec.pipeline_run_id,
        "AZUREML_ARM_SUBSCRIPTION": text(workspace.get("subscription_id")),
        "AZUREML_ARM_RESOURCEGROUP": text(workspace.get("resource_group")),
        "AZUREML_ARM_WORKSPACE_NAME": text(workspace.get("name")),
        "AZUREML_ARM_PROJECT_NAME": spec.experiment,
        "AZUREML_WORKSPACE_ID": text(workspace.get("id")),
    }
