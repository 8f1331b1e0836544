"""The sections of a :class:`~mlsteps.sdk.runconfig.RunConfiguration`."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.sections import Section

_DEFAULT_SHM_SIZE = "2g"


class HistoryConfiguration(Section):
    """What of a run is kept: ``outputs`` and the watched folders, and the snapshot."""

    _FIELDS = ("output_collection", "snapshot_project", "directories_to_watch")

    def __init__(self) -> None:
        self.output_collection = True
        self.snapshot_project = True
        self.directories_to_watch = ["logs"]


class DockerConfiguration(Section):
    """Whether a step runs in a container, and the container's settings.

    :param shm_size: size of ``/dev/shm``, as Docker writes it: ``2g``.
    """

    _FIELDS = ("use_docker", "shared_volumes", "arguments", "shm_size")

    def __init__(
        self,
        use_docker: bool = False,
        shared_volumes: bool = True,
        arguments: Iterable[str] = [],
        shm_size: str | None = _DEFAULT_SHM_SIZE,
    ) -> None:
        self.use_docker = use_docker
        self.shared_volumes = shared_volumes
        self.arguments = list(arguments or [])
        self.shm_size = shm_size


class MpiConfiguration(Section):
    """An MPI job: processes on each node, and nodes."""

    _FIELDS = ("process_count_per_node", "node_count")

    def __init__(self, process_count_per_node: int = 1, node_count: int = 1) -> None:
        self.process_count_per_node = process_count_per_node
        self.node_count = node_count


class PyTorchConfiguration(Section):
    """A PyTorch job; ``process_count`` is the number of processes on all nodes, by default one a node."""

    _FIELDS = ("communication_backend", "process_count", "node_count")

    def __init__(
        self, communication_backend: str = "Nccl", process_count: int | None = None, node_count: int = 1
    ) -> None:
        self.communication_backend = communication_backend
        self.process_count = process_count
        self.node_count = node_count


class TensorflowConfiguration(Section):
    """A TensorFlow job with workers and parameter servers."""

    _FIELDS = ("worker_count", "parameter_server_count")

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 1) -> None:
        self.worker_count = worker_count
        self.parameter_server_count = parameter_server_count


class ParallelTaskConfiguration(Section):
    """A job of independent workers."""

    _FIELDS = ("max_retries_per_worker", "worker_count_per_node", "terminal_exit_codes")

    def __init__(self) -> None:
        self.max_retries_per_worker = 0
        self.worker_count_per_node = 1
        self.terminal_exit_codes: list[int] | None = None


class SparkConfiguration(Section):
    """Spark's settings, by their own names."""

    _FIELDS = ("configuration",)

    def __init__(self) -> None:
        self.configuration: dict[str, Any] = {
            "spark.app.name": "Azure ML Experiment",
            "spark.yarn.maxAppAttempts": 1,
        }


class HdiConfiguration(Section):
    """HDInsight's settings."""

    _FIELDS = ("yarn_deploy_mode",)

    def __init__(self) -> None:
        self.yarn_deploy_mode = "cluster"


class AmlComputeConfiguration(Section):
    """The size and priority of machines made for one run."""

    _FIELDS = ("vm_size", "vm_priority")

    def __init__(self) -> None:
        self.vm_size: str | None = None
        self.vm_priority: str | None = None


class KubernetesComputeConfiguration(Section):
    """The instance type on a Kubernetes cluster."""

    _FIELDS = ("instance_type",)

    def __init__(self) -> None:
        self.instance_type: str | None = None


class ApplicationEndpointConfiguration(Section):
    """A service that runs beside the script."""

    _FIELDS = ("type", "port", "properties")

    def __init__(self, type: str | None = None, port: int | None = None, properties: Any = None) -> None:
        self.type = type
        self.port = port
        self.properties = properties


class DataReferenceConfiguration(Section):
    """A ``DataReference`` as a run configuration writes it."""

    _FIELDS = ("data_store_name", "path_on_data_store", "mode", "path_on_compute", "overwrite")

    def __init__(
        self,
        datastore_name: str | None = None,
        mode: str = "mount",
        path_on_datastore: str | None = None,
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self.data_store_name = datastore_name
        self.path_on_data_store = path_on_datastore
        self.path_on_compute = path_on_compute
        self.mode = mode
        self.overwrite = overwrite


class Dataset(Section):
    """A saved or registered dataset as a run configuration names it."""

    _FIELDS = ("id", "name", "version")

    def __init__(
        self,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        dataset_version: str | int | None = None,
    ) -> None:
        self.id = dataset_id
        self.name = dataset_name
        self.version = dataset_version


class DataPath(Section):
    """A place in a datastore as a run configuration names it."""

    _FIELDS = ("datastore_name", "relative_path")

    def __init__(self, datastore_name: str | None = None, relative_path: str | None = None) -> None:
        self.datastore_name = datastore_name
        self.relative_path = relative_path


class Uri(Section):
    """Data at an address."""

    _FIELDS = ("path", "is_file")

    def __init__(self, path: str | None = None, is_file: bool = False) -> None:
        self.path = path
        self.is_file = is_file


class DataLocation(Section):
    """Where data lies: a dataset, a place in a datastore, or an address."""

    _FIELDS = ("dataset", "data_path", "uri")

    def __init__(
        self, dataset: Dataset | None = None, data_path: DataPath | None = None, uri: Uri | None = None
    ) -> None:
        self.dataset = dataset
        self.data_path = data_path
        self.uri = uri


class Data(Section):
    """An input of a run: where it lies and how the script gets it."""

    _FIELDS = (
        "data_location",
        "create_output_directories",
        "mechanism",
        "environment_variable_name",
        "path_on_compute",
        "overwrite",
        "options",
    )

    def __init__(
        self,
        data_location: DataLocation | None = None,
        create_output_directories: bool | None = None,
        mechanism: str = "direct",
        environment_variable_name: str | None = None,
        path_on_compute: str | None = None,
        overwrite: bool = False,
        options: Any = None,
    ) -> None:
        self.data_location = data_location
        self.create_output_directories = create_output_directories
        self.mechanism = mechanism
        self.environment_variable_name = environment_variable_name
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite
        self.options = options

    @staticmethod
    def create(data: Any) -> Data:
        """The ``Data`` of a ``DatasetConsumptionConfig``, or ``data`` itself when it is one.

        :raises InvalidInput: for anything else.
        """
        if isinstance(data, Data):
            return data
        if not hasattr(data, "dataset") or not hasattr(data, "mode"):
            raise InvalidInput(f"{data!r} is no input", expected="a DatasetConsumptionConfig or a Data object")
        identity = getattr(data.dataset, "id", None)
        location = DataLocation(dataset=Dataset(dataset_id=identity))
        return Data(location, None, data.mode, getattr(data, "name", None), getattr(data, "path_on_compute", None))


class DatasetRegistrationOptions(Section):
    """What is done to an output before it is registered."""

    _FIELDS = ("additional_transformation",)

    def __init__(self, additional_transformations: str | None = None) -> None:
        self.additional_transformation = additional_transformations


class RegistrationOptions(Section):
    """Under which name an output is registered when the run has finished."""

    _FIELDS = ("name", "description", "tags", "dataset_registration_options")

    def __init__(
        self,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        dataset_registration_options: DatasetRegistrationOptions | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.tags = tags
        self.dataset_registration_options = dataset_registration_options


class GlobsOptions(Section):
    """Patterns of files to upload."""

    _FIELDS = ("patterns",)

    def __init__(self, patterns: Iterable[str] | None = None) -> None:
        self.patterns = patterns


class UploadOptions(Section):
    """How an output is uploaded."""

    _FIELDS = ("overwrite", "source_globs")

    def __init__(self, overwrite: bool = False, source_globs: GlobsOptions | None = None) -> None:
        self.overwrite = overwrite
        self.source_globs = source_globs


class MountOptions(Section):
    """How an output is mounted."""

    _FIELDS = ("disable_metadata_cache",)

    def __init__(self, disable_metadata_cache: bool = False) -> None:
        self.disable_metadata_cache = disable_metadata_cache


class OutputOptions(Section):
    """What else there is to say of an output."""

    _FIELDS = ("path_on_compute", "registration_options", "upload_options", "mount_options")

    def __init__(
        self,
        path_on_compute: str | None = None,
        registration_options: RegistrationOptions | None = None,
        upload_options: UploadOptions | None = None,
        mount_options: MountOptions | None = None,
    ) -> None:
        self.path_on_compute = path_on_compute
        self.registration_options = registration_options
        self.upload_options = upload_options
        self.mount_options = mount_options


class OutputData(Section):
    """An output of a run: where it goes and how."""

    _FIELDS = ("output_location", "mechanism", "additional_options")

    def __init__(
        self,
        output_location: DataLocation | None = None,
        mechanism: str = "mount",
        additional_options: OutputOptions | None = None,
    ) -> None:
        self.output_location = output_location
        self.mechanism = mechanism
        self.additional_options = additional_options


class DatacacheConfiguration(Section):
    """A cached dataset; accepted, without effect: mlsteps keeps downloads in a cache of its own."""

    _FIELDS = (
        "datacache_id",
        "datacache_store",
        "dataset_id",
        "mode",
        "path_on_compute",
        "replica",
        "failure_fallback",
    )

    def __init__(
        self,
        dataset_id: str | None = None,
        datacache_store: Any = None,
        datacache_id: str | None = None,
        mode: str = "mount",
        path_on_compute: str | None = None,
        replica: Any = None,
        failure_fallback: bool = False,
    ) -> None:
        self.datacache_id = datacache_id
        self.datacache_store = datacache_store
        self.dataset_id = dataset_id
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.replica = replica
        self.failure_fallback = failure_fallback

    @staticmethod
    def create(data: Any) -> DatacacheConfiguration:
        """``data`` itself when it is a configuration."""
        if isinstance(data, DatacacheConfiguration):
            return data
        raise InvalidInput(f"{data!r} is no DatacacheConfiguration", expected="one")
