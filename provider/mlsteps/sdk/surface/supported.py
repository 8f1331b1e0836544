"""Names of the SDK that mlsteps has, by module path, each with the module that holds it. Data only.

``{"azureml.core": {"workspace": "Workspace"}}`` says that ``azureml.core.Workspace`` is
``mlsteps.sdk.workspace.Workspace``; several names stand in one text, ``Old=New`` gives a home's name another one.
"""

from __future__ import annotations

from typing import Dict, Mapping

#: Version of azureml-core whose interface this follows; what ``azureml.core.VERSION`` says.
SDK_VERSION = "1.61.0"

_EXCEPTIONS = (
    "ActivityFailedException AuthenticationException AzureMLException ComputeTargetException "
    "DiscoveryUrlNotFoundException DatasetTimestampMissingError ExperimentExecutionException ModelNotFoundException "
    "ModelPathNotFoundException ParallelRunException ProjectSystemException RunConfigurationException "
    "RunEnvironmentException ServiceException SnapshotException TrainingException UserErrorException "
    "WebserviceException WorkspaceException"
)
_SECTIONS = (
    "DockerBuildContext DockerEnvironment DockerImagePlatform DockerSection ImageBuildDetails "
    "PythonEnvironment PythonSection RCranPackage RGitHubPackage RSection SparkEnvironment SparkPackage SparkSection "
    "DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE"
)
_LIBRARIES = "EggLibrary JarLibrary MavenLibrary PyPiLibrary RCranLibrary DatabricksCluster DatabricksSection"
_MODULES = "Module ModuleVersion ModuleVersionDescriptor"
_DISTRIBUTED = {"distributed_training": "Gloo Mpi Nccl ParameterServer"}
_PORTS = "InputPortBinding OutputPortBinding PipelineDataset"

_CORE: Mapping[str, Mapping[str, str]] = {
    "azureml": {},
    "azureml.core": {
        "surface.supported": "VERSION=SDK_VERSION",
        "compute": "ComputeTarget",
        "container_registry": "ContainerRegistry",
        "dataset": "Dataset",
        "datastore": "Datastore",
        "environment": "Environment",
        "experiment": "Experiment",
        "keyvault": "Keyvault",
        "model": "Model",
        "run": "Run get_run",
        "runconfig": "RunConfiguration",
        "script_run": "ScriptRun",
        "script_run_config": "ScriptRunConfig",
        "workspace": "Workspace",
    },
    "azureml.core.authentication": {
        "authentication": "AbstractAuthentication ArmTokenAuthentication Audience AzureCliAuthentication "
        "AzureMLTokenAuthentication InteractiveLoginAuthentication MsiAuthentication ServicePrincipalAuthentication "
        "TokenAuthentication",
    },
    "azureml.core.compute": {
        "compute": "ComputeTarget",
        "amlcompute": "AmlCompute",
        "machine_computes": "AksCompute ComputeInstance DsvmCompute KubernetesCompute",
        "other_computes": "AdlaCompute BatchCompute DataFactoryCompute DatabricksCompute HDInsightCompute KustoCompute "
        "RemoteCompute SynapseCompute",
    },
    "azureml.core.compute.compute": {
        "compute": "ComputeTarget",
        "compute_configuration": "ComputeTargetAttachConfiguration ComputeTargetProvisioningConfiguration "
        "ComputeTargetUpdateConfiguration",
    },
    "azureml.core.compute_target": {
        "@errors": "ComputeTargetException",
        "compute": "AbstractComputeTarget LocalTarget",
    },
    "azureml.core.conda_dependencies": {"conda": "CondaDependencies PYTHON_DEFAULT_VERSION"},
    "azureml.core.container_registry": {"container_registry": "ContainerRegistry RegistryIdentity"},
    "azureml.core.databricks": {"databricks_section": f"{_LIBRARIES} DatabricksEnvironment"},
    "azureml.core.dataset": {"dataset": "Dataset"},
    "azureml.core.datastore": {"datastore": "Datastore"},
    "azureml.core.environment": {
        "environment": "Environment EnvironmentReference",
        "environment_sections": _SECTIONS,
        "conda": "CondaDependencies",
    },
    "azureml.core.experiment": {"experiment": "Experiment ViewType"},
    "azureml.core.keyvault": {"keyvault": "Keyvault"},
    "azureml.core.model": {"model": "Model", "dataset": "Dataset"},
    "azureml.core.run": {
        "run": "Run get_run",
        "offline_run": "_OfflineRun",
        "submitted_run": "_SubmittedRun InputDatasets LinkOutput OutputDatasets",
    },
    "azureml.core.runconfig": {
        "runconfig": "RunConfiguration EnvironmentDefinition",
        "runconfig_sections": "AmlComputeConfiguration ApplicationEndpointConfiguration Data DataLocation DataPath "
        "DataReferenceConfiguration DatacacheConfiguration Dataset DatasetRegistrationOptions DockerConfiguration "
        "GlobsOptions HdiConfiguration HistoryConfiguration KubernetesComputeConfiguration MountOptions "
        "MpiConfiguration OutputData OutputOptions ParallelTaskConfiguration PyTorchConfiguration "
        "RegistrationOptions SparkConfiguration TensorflowConfiguration UploadOptions Uri",
        "container_registry": "AzureContainerRegistry ContainerRegistry",
        "environment": "Environment",
        "environment_sections": _SECTIONS,
        "databricks_section": _LIBRARIES,
        "conda": "CondaDependencies",
    },
    "azureml.core.script_run": {"script_run": "ScriptRun"},
    "azureml.core.script_run_config": {
        "script_run_config": "ScriptRunConfig get_run_config_from_script_run MAX_DURATION_SECONDS_DEFAULT"
    },
    "azureml.core.workspace": {"workspace": "Workspace"},
}

_COMPUTE = {
    "adla": ("other_computes", "AdlaCompute DataLakeAnalyticsAttachConfiguration"),
    "aks": (
        "machine_computes",
        "AksAttachConfiguration AksCompute AksProvisioningConfiguration AksUpdateConfiguration",
    ),
    "amlcompute": (
        "amlcompute",
        "AmlCompute AmlComputeNodeStateCounts AmlComputeProvisioningConfiguration AmlComputeStatus ScaleSettings",
    ),
    "batch": ("other_computes", "BatchAttachConfiguration BatchCompute"),
    "computeinstance": (
        "machine_computes",
        "ComputeInstance ComputeInstanceProvisioningConfiguration ComputeInstanceStatus",
    ),
    "databricks": ("other_computes", "DatabricksAttachConfiguration DatabricksCompute"),
    "datafactory": (
        "other_computes",
        "DataFactoryAttachConfiguration DataFactoryCompute DataFactoryProvisioningConfiguration",
    ),
    "dsvm": ("machine_computes", "DsvmCompute DsvmProvisioningConfiguration"),
    "hdinsight": ("other_computes", "HDInsightAttachConfiguration HDInsightCompute"),
    "kubernetescompute": (
        "machine_computes",
        "KubernetesCompute KubernetesComputeAttachConfiguration KubernetesComputeStatus",
    ),
    "kusto": ("other_computes", "KustoAttachConfiguration KustoCompute"),
    "remote": ("other_computes", "RemoteCompute RemoteComputeAttachConfiguration"),
    "synapse": ("other_computes", "SynapseAttachConfiguration SynapseCompute"),
}

_DATA: Mapping[str, Mapping[str, str]] = {
    "azureml.data": {
        "dataset_types": "DataType",
        "file_dataset": "FileDataset",
        "tabular_dataset": "TabularDataset",
        "output_config": "HDFSOutputDatasetConfig LinkFileOutputDatasetConfig LinkTabularOutputDatasetConfig "
        "OutputFileDatasetConfig",
    },
    "azureml.data.abstract_dataset": {"abstract_dataset": "AbstractDataset"},
    "azureml.data.abstract_datastore": {"abstract_datastore": "AbstractDatastore"},
    "azureml.data.azure_data_lake_datastore": {
        "azure_data_lake_datastore": "AbstractADLSDatastore AzureDataLakeDatastore AzureDataLakeGen2Datastore"
    },
    "azureml.data.azure_my_sql_datastore": {"other_datastores": "AzureMySqlDatastore"},
    "azureml.data.azure_postgre_sql_datastore": {"other_datastores": "AzurePostgreSqlDatastore"},
    "azureml.data.azure_sql_database_datastore": {"other_datastores": "AzureSqlDatabaseDatastore"},
    "azureml.data.azure_storage_datastore": {
        "azure_storage_datastore": "AbstractAzureStorageDatastore AzureBlobDatastore AzureFileDatastore"
    },
    "azureml.data.context_managers": {"context_managers": "DatasetContextManager DatastoreContextManager"},
    "azureml.data.data_reference": {"data_reference": "DataReference"},
    "azureml.data.datapath": {"datapath": "DataPath DataPathComputeBinding"},
    "azureml.data.dataset_consumption_config": {"consumption": "DatasetConsumptionConfig"},
    "azureml.data.dataset_error_handling": {"@errors": "DatasetExecutionError DatasetValidationError"},
    "azureml.data.dataset_factory": {
        "dataset_factory": "DataType FileDatasetFactory PromoteHeadersBehavior TabularDatasetFactory",
    },
    "azureml.data.dataset_type_definitions": {
        "dataset_types": "FileEncoding FileType HistogramCompareMethod PromoteHeadersBehavior SkipLinesBehavior",
    },
    "azureml.data.dbfs_datastore": {"other_datastores": "DBFSDatastore"},
    "azureml.data.file_dataset": {"file_dataset": "FileDataset"},
    "azureml.data.hdfs_datastore": {"other_datastores": "HDFSDatastore"},
    "azureml.data.output_dataset_config": {
        "output_base": "MountOptions OutputDatasetConfig RegistrationConfiguration UploadOptions",
        "output_config": "HDFSOutputDatasetConfig LinkFileOutputDatasetConfig LinkTabularOutputDatasetConfig "
        "OutputFileDatasetConfig OutputTabularDatasetConfig TransformationMixin",
    },
    "azureml.data.sql_data_reference": {"sql_reference": "SqlDataReference"},
    "azureml.data.stored_procedure_parameter": {
        "stored_procedure": "StoredProcedureParameter StoredProcedureParameterType"
    },
    "azureml.data.tabular_dataset": {"tabular_dataset": "TabularDataset"},
}

_PIPELINE: Mapping[str, Mapping[str, str]] = {
    "azureml.pipeline": {},
    "azureml.pipeline.core": {
        "draft": "PipelineDraft",
        "endpoint": "PipelineEndpoint",
        "module": _MODULES,
        "parameter": "PipelineParameter",
        "pipeline": "Pipeline",
        "pipeline_data": "PipelineData TrainingOutput",
        "pipeline_run": "PipelineRun",
        "port_data": "PortDataReference",
        "ports": _PORTS,
        "published": "PublishedPipeline",
        "schedule": "Schedule ScheduleRecurrence",
        "sequence": "StepSequence",
        "step_run": "StepRun StepRunOutput",
        "steps.base": "PipelineStep",
        "time_zones": "TimeZone",
    },
    "azureml.pipeline.core.builder": {
        "pipeline_data": "PipelineData",
        "steps.base": "PipelineStep",
        "sequence": "StepSequence",
    },
    "azureml.pipeline.core.graph": {
        "parameter": "PipelineParameter",
        "pipeline_data": "TrainingOutput",
        "port_data": "PortDataReference",
        "ports": f"{_PORTS} InputPortDef OutputPortDef",
        "published": "PublishedPipeline",
        "stored_procedure": "StoredProcedureParameter StoredProcedureParameterType",
    },
    "azureml.pipeline.core.module": {"module": _MODULES},
    "azureml.pipeline.core.pipeline": {"pipeline": "Pipeline"},
    "azureml.pipeline.core.pipeline_draft": {"draft": "PipelineDraft"},
    "azureml.pipeline.core.pipeline_endpoint": {"endpoint": "PipelineEndpoint PipelineIdVersion PipelineVersion"},
    "azureml.pipeline.core.pipeline_output_dataset": {
        "pipeline_data": "DatasetRegistration PipelineOutputAbstractDataset PipelineOutputFileDataset "
        "PipelineOutputTabularDataset",
    },
    "azureml.pipeline.core.run": {"pipeline_run": "PipelineRun", "step_run": "StepRun StepRunOutput"},
    "azureml.pipeline.core.schedule": {"schedule": "Schedule ScheduleRecurrence", "time_zones": "TimeZone"},
}

_STEPS = {
    "adla_step": ("adla", "AdlaStep"),
    "automl_step": ("automl", "AutoMLStep AutoMLStepRun"),
    "azurebatch_step": ("azure_batch", "AzureBatchStep"),
    "command_step": ("command", "CommandStep"),
    "data_transfer_step": ("data_transfer", "DataTransferStep"),
    "databricks_step": ("databricks", "DatabricksStep"),
    "estimator_step": ("estimator", "EstimatorStep"),
    "hyper_drive_step": ("hyper_drive", "HyperDriveStep HyperDriveStepRun"),
    "kusto_step": ("kusto", "KustoStep"),
    "module_step": ("module", "ModuleStep"),
    "mpi_step": ("mpi", "MpiStep"),
    "parallel_run_config": ("parallel_run_config", "ParallelRunConfig"),
    "parallel_run_step": ("parallel_run", "ParallelRunStep"),
    "python_script_step": ("python_script", "PythonScriptStep"),
    "r_script_step": ("r_script", "RScriptStep"),
    "synapse_spark_step": ("synapse", "SynapseSparkStep"),
}

_OTHERS: Mapping[str, Mapping[str, str]] = {
    "azureml.exceptions": {"@errors": _EXCEPTIONS},
    "azureml.exceptions._azureml_exception": {"@errors": _EXCEPTIONS},
    "azureml._common": {},
    "azureml._common.exceptions": {"@errors": "AzureMLException"},
    "azureml._restclient.exceptions": {"@errors": "ServiceException"},
    "azureml.pipeline.core._restclients.aeva.models": {"@errors": "ErrorResponseException"},
    "azureml.pipeline.core._restclients.aeva.models.error_response": {"@errors": "ErrorResponseException"},
    # The SDK brings msrest; this stands for it where it is not installed.
    "msrest.exceptions": {"@errors": "AuthenticationError=AuthenticationException HttpOperationError"},
    "azureml.pipeline.steps": {f"steps.{home}": names for home, names in _STEPS.values()},
    "azureml.contrib.pipeline": {},
    "azureml.contrib.pipeline.steps": {
        "steps.parallel_run": "ParallelRunStep",
        "steps.parallel_run_config": "ParallelRunConfig",
    },
    "azureml.train": {},
    "azureml.train.automl": {"steps.automl": "AutoMLStep AutoMLStepRun"},
    "azureml.train._distributed_training": _DISTRIBUTED,
    "azureml.train.dnn": {"framework_estimators": "Chainer PyTorch TensorFlow", **_DISTRIBUTED},
    "azureml.train.dnn._chainer": {"framework_estimators": "Chainer"},
    "azureml.train.dnn._pytorch": {"framework_estimators": "PyTorch"},
    "azureml.train.dnn._tensorflow": {"framework_estimators": "TensorFlow"},
    "azureml.train.estimator": {"estimator": "Estimator MMLBaseEstimator", **_DISTRIBUTED},
    "azureml.train.estimator._estimator": {"estimator": "Estimator"},
    "azureml.train.estimator._mml_base_estimator": {"estimator": "MMLBaseEstimator"},
    "azureml.train.sklearn": {"framework_estimators": "SKLearn"},
    "azureml.train.widgets": {"widgets": "RunDetails"},
    "azureml.widgets": {"widgets": "RunDetails"},
    "azureml_user.parallel_run": {"entry_script": "EntryScript"},
}


def _homes() -> Dict[str, Dict[str, str]]:
    steps = {f"azureml.pipeline.steps.{path}": {f"steps.{home}": names} for path, (home, names) in _STEPS.items()}
    computes = {f"azureml.core.compute.{path}": {home: names} for path, (home, names) in _COMPUTE.items()}
    answer: Dict[str, Dict[str, str]] = {}
    for path, homes in {**_CORE, **computes, **_DATA, **_PIPELINE, **steps, **_OTHERS}.items():
        answer[path] = {}
        for home, names in homes.items():
            module = "mlsteps.errors" if home == "@errors" else f"mlsteps.sdk.{home}"
            for name in names.split():
                alias, _, original = name.partition("=")
                answer[path][alias] = f"{module}:{original or alias}"
    return answer


#: Module path -> name -> ``"module:name"``.
SUPPORTED: Mapping[str, Mapping[str, str]] = _homes()
