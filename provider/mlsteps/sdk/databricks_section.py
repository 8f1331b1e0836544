"""Libraries and clusters of Databricks steps."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.sections import Section


class MavenLibrary(Section):
    """A Maven library, ``group:artifact:version``."""

    _FIELDS = ("coordinates", "repo", "exclusions")

    def __init__(
        self, coordinates: str | None = None, repo: str | None = None, exclusions: Iterable[str] | None = None
    ) -> None:
        self.coordinates = coordinates or ""
        self.repo = repo or ""
        self.exclusions = list(exclusions or [])


class PyPiLibrary(Section):
    """A package from PyPI."""

    _FIELDS = ("package", "repo")

    def __init__(self, package: str | None = None, repo: str | None = None) -> None:
        self.package = package or ""
        self.repo = repo or ""


class RCranLibrary(Section):
    """A package from CRAN."""

    _FIELDS = ("package", "repo")

    def __init__(self, package: str | None = None, repo: str | None = None) -> None:
        self.package = package or ""
        self.repo = repo or ""


class JarLibrary(Section):
    """A jar file on DBFS."""

    _FIELDS = ("library",)

    def __init__(self, library: str | None = None) -> None:
        self.library = library or ""


class EggLibrary(Section):
    """An egg file on DBFS."""

    _FIELDS = ("library",)

    def __init__(self, library: str | None = None) -> None:
        self.library = library or ""


class DatabricksCluster(Section):
    """The cluster of a Databricks step: an existing one, or what a new one should be."""

    _FIELDS = (
        "existing_cluster_id",
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
        "permit_cluster_restart",
    )

    def __init__(
        self,
        existing_cluster_id: str | None = None,
        spark_version: str | None = None,
        node_type: str | None = None,
        instance_pool_id: str | None = None,
        num_workers: int | None = None,
        min_workers: int | None = None,
        max_workers: int | None = None,
        spark_env_variables: Mapping[str, str] | None = None,
        spark_conf: Mapping[str, str] | None = None,
        init_scripts: Iterable[str] | None = None,
        cluster_log_dbfs_path: str | None = None,
        permit_cluster_restart: bool | None = None,
    ) -> None:
        self.existing_cluster_id = existing_cluster_id
        self.spark_version = spark_version
        self.node_type = node_type
        self.instance_pool_id = instance_pool_id
        self.num_workers = num_workers
        self.min_workers = min_workers
        self.max_workers = max_workers
        self.spark_env_variables = spark_env_variables
        self.spark_conf = spark_conf
        self.init_scripts = init_scripts
        self.cluster_log_dbfs_path = cluster_log_dbfs_path
        self.permit_cluster_restart = permit_cluster_restart

    def validate(self) -> None:
        """Check the rules of the SDK: an existing cluster excludes the description of a new one.

        :raises InvalidInput: naming the values that exclude each other or are missing.
        """
        wanted = ("node_type", "instance_pool_id", "num_workers", "min_workers", "max_workers")
        given = [name for name in wanted if getattr(self, name) is not None]
        if self.existing_cluster_id is not None:
            if given:
                raise InvalidInput(f"existing_cluster_id is given together with {given}", expected="one or the other")
            return
        if (self.node_type is None) == (self.instance_pool_id is None):
            raise InvalidInput("A new Databricks cluster is described", expected="node_type or instance_pool_id")
        scaled = self.min_workers is not None and self.max_workers is not None
        if (self.num_workers is None) == (not scaled):
            raise InvalidInput(
                "A new Databricks cluster is described", expected="num_workers, or min_workers and max_workers"
            )


class DatabricksSection(Section):
    """Databricks' part of an environment: libraries and cluster."""

    _FIELDS = ("maven_libraries", "pypi_libraries", "rcran_libraries", "jar_libraries", "egg_libraries", "cluster")

    def __init__(self, _skip_defaults: bool = False) -> None:
        self.maven_libraries: list[Any] = []
        self.pypi_libraries: list[Any] = []
        self.rcran_libraries: list[Any] = []
        self.jar_libraries: list[Any] = []
        self.egg_libraries: list[Any] = []
        self.cluster: DatabricksCluster | None = None


class DatabricksEnvironment(DatabricksSection):
    """The SDK's older name for :class:`DatabricksSection`."""

    def __init__(self) -> None:
        super().__init__()
