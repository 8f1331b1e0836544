"""``DatabricksStep``: run a notebook, a script or a JAR on Databricks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.steps.base import PipelineStep

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder

_NEW_CLUSTER = (
    "spark_version",
    "node_type",
    "instance_pool_id",
    "num_workers",
    "min_workers",
    "max_workers",
    "spark_env_variables",
    "spark_conf",
    "init_scripts",
    "cluster_log_dbfs_path",
)
_PLAIN = (
    "notebook_path",
    "python_script_path",
    "main_class_name",
    "existing_cluster_id",
    "run_name",
    "timeout_seconds",
    "permit_cluster_restart",
)
_LIBRARIES = ("maven_libraries", "pypi_libraries", "egg_libraries", "jar_libraries", "rcran_libraries")


class DatabricksStep(PipelineStep):
    """Run on Databricks (SDK docs: ``azureml.pipeline.steps.DatabricksStep``).

    Exactly one of ``notebook_path``, ``python_script_path`` (on DBFS), ``main_class_name`` (with ``jar_libraries``) and
    ``python_script_name`` (with ``source_directory``). Either ``existing_cluster_id``, or for a new cluster
    ``node_type`` or ``instance_pool_id``, and ``num_workers`` or ``min_workers`` with ``max_workers``.

    :raises InvalidInput: when one of these rules is broken.
    """

    node_type = "Databricks"

    def __init__(
        self,
        name: str,
        inputs: Any = None,
        outputs: Any = None,
        existing_cluster_id: str | None = None,
        spark_version: str | None = None,
        node_type: str | None = None,
        instance_pool_id: str | None = None,
        num_workers: int | None = None,
        min_workers: int | None = None,
        max_workers: int | None = None,
        spark_env_variables: Mapping[str, str] | None = None,
        spark_conf: Mapping[str, str] | None = None,
        init_scripts: Sequence[str] | None = None,
        cluster_log_dbfs_path: str | None = None,
        notebook_path: str | None = None,
        notebook_params: Mapping[str, Any] | None = None,
        python_script_path: str | None = None,
        python_script_params: Sequence[Any] | None = None,
        main_class_name: str | None = None,
        jar_params: Sequence[Any] | None = None,
        python_script_name: str | None = None,
        source_directory: Any = None,
        hash_paths: Any = None,
        run_name: str | None = None,
        timeout_seconds: int | None = None,
        runconfig: Any = None,
        maven_libraries: Sequence[Any] | None = None,
        pypi_libraries: Sequence[Any] | None = None,
        egg_libraries: Sequence[Any] | None = None,
        jar_libraries: Sequence[Any] | None = None,
        rcran_libraries: Sequence[Any] | None = None,
        compute_target: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
        permit_cluster_restart: bool | None = None,
    ) -> None:
        given = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        if not name:
            raise InvalidInput("A DatabricksStep has no name")
        if runconfig is not None:
            raise UnsupportedFeature("DatabricksStep(runconfig=)", "", "the cluster and library arguments of the step")
        _check(given)
        self._given = given
        super().__init__(name, inputs, outputs, python_script_params or jar_params)

    def _node(self, build: StepBuilder) -> StepNode:
        given = self._given
        script = given["python_script_name"]
        return build.node(
            type=self.node_type,
            script=script,
            arguments=build.arguments(self._arguments),
            parameters=build.values(given["notebook_params"] or {}, "notebook_params"),
            source_directory=build.source(given["source_directory"], script) if script else None,
            compute=build.compute(given["compute_target"]),
            allow_reuse=bool(given["allow_reuse"]),
            version=given["version"],
            payload=build.values(_payload(given), "payload"),
        )


def _payload(given: Mapping[str, Any]) -> dict[str, Any]:
    payload = {name: given[name] for name in _PLAIN if given[name] is not None}
    cluster = {name: given[name] for name in _NEW_CLUSTER if given[name] is not None}
    libraries = {name: [dict(vars(item)) for item in given[name]] for name in _LIBRARIES if given[name]}
    return {
        **payload,
        **({"new_cluster": cluster} if cluster else {}),
        **({"libraries": libraries} if libraries else {}),
    }


def _check(given: Mapping[str, Any]) -> None:
    step = f"DatabricksStep {given['name']!r}"
    sources = ("notebook_path", "python_script_path", "main_class_name", "python_script_name")
    found = [name for name in sources if given[name]]
    if len(found) != 1:
        raise InvalidInput(f"{step} has {found or 'nothing'} to run", expected=f"exactly one of {list(sources)}")
    if given["main_class_name"] and not given["jar_libraries"]:
        raise InvalidInput(f"{step} has main_class_name without jar_libraries")
    if given["compute_target"] is None:
        raise InvalidInput(f"{step} has no compute_target")
    _check_cluster(step, given)


def _check_cluster(step: str, given: Mapping[str, Any]) -> None:
    new = [name for name in _NEW_CLUSTER if given[name] is not None]
    if given["existing_cluster_id"]:
        if new:
            raise InvalidInput(f"{step} has existing_cluster_id and {new}", mend="give one or the other")
        return
    if given["node_type"] and given["instance_pool_id"]:
        raise InvalidInput(f"{step} has node_type and instance_pool_id", mend="give one of them")
    workers = given["min_workers"] is not None and given["max_workers"] is not None
    if (given["num_workers"] is not None) == workers:
        raise InvalidInput(
            f"{step} does not say how many workers a new cluster has",
            expected="num_workers, or min_workers and max_workers, or existing_cluster_id",
        )
