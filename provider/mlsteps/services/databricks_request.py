"""The body of Databricks' ``jobs/runs/submit`` (Jobs API 2.2) for a ``DatabricksStep``. Pure.

Keys and their meaning: https://docs.databricks.com/api/workspace/jobs/submit
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlsteps.contracts.graph import StepNode
from mlsteps.services.values import Values

TASK = "step"


def request(node: StepNode, values: Values, script: str | None) -> dict[str, Any]:
    """The request, less the token that keeps it from being made twice.

    :param script: where ``python_script_name`` lies on DBFS; None for a step with another source.
    """
    payload = values.filled(node.payload)
    task: dict[str, Any] = {"task_key": TASK, **_code(node, values, payload, script), **_cluster(payload)}
    libraries = _libraries(payload.get("libraries") or {})
    if libraries:
        task["libraries"] = libraries
    whole: dict[str, Any] = {"run_name": payload.get("run_name") or node.name, "tasks": [task]}
    if payload.get("timeout_seconds") is not None:
        whole["timeout_seconds"] = int(payload["timeout_seconds"])
    return whole


def _code(node: StepNode, values: Values, payload: Mapping[str, Any], script: str | None) -> dict[str, Any]:
    if payload.get("notebook_path"):
        own = {name: str(value) for name, value in values.filled(node.parameters).items()}
        return {
            "notebook_task": {
                "notebook_path": payload["notebook_path"],
                "base_parameters": {**values.identity(), **values.ports, **own},
            }
        }
    parameters = [*values.texts(node.arguments), *_pairs("-", values.ports)]
    if payload.get("main_class_name"):
        return {"spark_jar_task": {"main_class_name": payload["main_class_name"], "parameters": parameters}}
    identity = values.identity()
    if script is not None:
        identity["AZUREML_SCRIPT_DIRECTORY_NAME"] = script.rpartition("/")[0]
    return {
        "spark_python_task": {
            "python_file": script or payload["python_script_path"],
            "parameters": [*parameters, *_pairs("--", identity)],
        }
    }


def _pairs(mark: str, values: Mapping[str, str]) -> list[str]:
    return [text for name, value in values.items() for text in (f"{mark}{name}", value)]


def _cluster(payload: Mapping[str, Any]) -> dict[str, Any]:
    if payload.get("existing_cluster_id"):
        return {"existing_cluster_id": payload["existing_cluster_id"]}
    given = payload.get("new_cluster") or {}
    cluster: dict[str, Any] = {"spark_version": given.get("spark_version") or "15.4.x-scala2.12"}
    names = {"node_type": "node_type_id", "instance_pool_id": "instance_pool_id", "spark_conf": "spark_conf"}
    names["spark_env_variables"] = "spark_env_vars"
    cluster.update({theirs: given[ours] for ours, theirs in names.items() if given.get(ours)})
    if given.get("num_workers") is not None:
        cluster["num_workers"] = int(given["num_workers"])
    else:
        cluster["autoscale"] = {"min_workers": int(given["min_workers"]), "max_workers": int(given["max_workers"])}
    if given.get("init_scripts"):
        cluster["init_scripts"] = [{"dbfs": {"destination": path}} for path in given["init_scripts"]]
    if given.get("cluster_log_dbfs_path"):
        cluster["cluster_log_conf"] = {"dbfs": {"destination": given["cluster_log_dbfs_path"]}}
    return {"new_cluster": cluster}


def _libraries(given: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    found += [{"pypi": _some(item, "package", "repo")} for item in given.get("pypi_libraries", ())]
    found += [{"maven": _some(item, "coordinates", "repo", "exclusions")} for item in given.get("maven_libraries", ())]
    found += [{"cran": _some(item, "package", "repo")} for item in given.get("rcran_libraries", ())]
    found += [{"jar": item["library"]} for item in given.get("jar_libraries", ())]
    found += [{"egg": item["library"]} for item in given.get("egg_libraries", ())]
    return found


def _some(item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: item[name] for name in names if item.get(name)}
