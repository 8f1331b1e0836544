"""Names of the SDK that mlsteps does not have: they import, and fail when used. Data only."""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple


class Refusal(NamedTuple):
    """Why a name is not there, and what to use in its place."""

    reason: str
    alternative: str


_SERVING = Refusal("mlsteps runs pipelines and deploys nothing", "Model.download and a serving tool")
_NETWORK = Refusal("there is no Azure resource to manage", "the network settings of your Airflow installation")
_LEGACY = Refusal("the SDK dropped this dataset interface in 2019", "Dataset.File and Dataset.Tabular")
_PROFILE = Refusal("there is no profiling service", "TabularDataset.to_pandas_dataframe().describe()")
_TARGETS = Refusal("it belongs to compute targets of run configuration files", "ComputeTarget(workspace, name)")
_GRAPH = Refusal("graphs are built from steps", "Pipeline(workspace, steps=[...]).graph")
_SEARCH = Refusal("hyperparameter search is not there yet", "one PythonScriptStep for each setting")
_ESTIMATOR = Refusal("it is the SDK's inner class", "Estimator")
_AUTOML = Refusal("it needs Azure's AutoML service", "a PythonScriptStep that calls a library such as FLAML")
_CACHE = Refusal("there is no cache service", "as_download()")
_LOGGING = Refusal("there is no service to trace", "Python's logging")
_IMAGES = Refusal("no image is built ahead of the step that needs it", "Environment.save_to_directory")
_EXPLAIN = Refusal("it belongs to a package of its own", "the interpret or shap library, and Run.upload_file")

_NAMES: Mapping[str, Mapping[str, Refusal]] = {
    "azureml.core": {
        "Image Webservice": _SERVING,
        "LinkedService PrivateEndPoint PrivateEndPointConfig SynapseWorkspaceLinkedServiceConfiguration": _NETWORK,
        "attach_legacy_compute_target is_compute_target_prepared prepare_compute_target "
        "remove_legacy_compute_target": _TARGETS,
        "diagnostic_log": _LOGGING,
    },
    "azureml._logging.debug_mode": {"diagnostic_log": _LOGGING},
    "azureml.core.compute": {"BatchAiCompute": Refusal("Azure retired the service in 2019", "AmlCompute")},
    "azureml.core.compute.aks": {"SslConfiguration SystemService": _SERVING},
    "azureml.core.compute_target": {
        "attach_legacy_compute_target is_compute_target_prepared prepare_compute_target "
        "remove_legacy_compute_target": _TARGETS,
    },
    "azureml.core.environment": {"DockerImageDetails": _IMAGES},
    "azureml.core.image": {"ContainerImage Image": _SERVING},
    "azureml.core.image.image": {"Image": _SERVING},
    "azureml.core.linked_service": {
        "LinkedService LinkedServiceConfiguration SynapseWorkspaceLinkedServiceConfiguration": _NETWORK,
    },
    "azureml.core.model": {"BatchInferenceConfig InferenceConfig ModelPackage": _SERVING},
    "azureml.core.private_endpoint": {"PrivateEndPoint PrivateEndPointConfig": _NETWORK},
    "azureml.core.profile": {"ModelProfile": _SERVING},
    "azureml.core.resource_configuration": {"ResourceConfiguration": _SERVING},
    "azureml.core.script_run_config": {
        "submit": Refusal("it is the SDK's inner function", "Experiment.submit(config)"),
    },
    "azureml.data": {"DatacacheStore": _CACHE},
    "azureml.data.datacache": {"DatacacheStore": _CACHE},
    "azureml.data.dataset_action_run": {"DatasetActionRun": _LEGACY},
    "azureml.data.dataset_definition": {"DatasetDefinition": _LEGACY},
    "azureml.data.dataset_profile": {"DatasetProfile": _PROFILE},
    "azureml.data.dataset_profile_run": {"DatasetProfileRun": _PROFILE},
    "azureml.data.dataset_snapshot": {"DatasetSnapshot": _LEGACY},
    "azureml.pipeline.core._parallel_run_config_base": {
        "_ParallelRunConfigBase": Refusal("it is the SDK's inner class", "ParallelRunConfig"),
    },
    "azureml.pipeline.core._parallel_run_step_base": {
        "_ParallelRunStepBase": Refusal("it is the SDK's inner class", "ParallelRunStep"),
    },
    "azureml.pipeline.core._python_script_step_base": {
        "_PythonScriptStepBase": Refusal("it is the SDK's inner class", "PythonScriptStep"),
    },
    "azureml.pipeline.core.graph": {
        "DataSource DataSourceDef DataSourceNode DataType Edge Graph InputPort Module ModuleDef ModuleNode Node "
        "OutputPort Param ParamDef": _GRAPH,
    },
    "azureml.pipeline.core.module_step_base": {
        "ModuleStepBase": Refusal("it is the SDK's inner class", "ModuleStep"),
    },
    "azureml.pipeline.steps": {"_HDInsightStep": Refusal("it is the SDK's inner class", "PythonScriptStep")},
    "azureml.train.estimator": {"MMLBaseEstimatorRunConfig _FrameworkBaseEstimator": _ESTIMATOR},
    "azureml.train.estimator._framework_base_estimator": {"_FrameworkBaseEstimator": _ESTIMATOR},
    "azureml.train.estimator._mml_base_estimator": {"MMLBaseEstimatorRunConfig": _ESTIMATOR},
    "azureml.train.hyperdrive": {
        "BanditPolicy BayesianParameterSampling EarlyTerminationPolicy GridParameterSampling HyperDriveConfig "
        "HyperDriveRun HyperDriveRunConfig HyperParameterSampling MedianStoppingPolicy NoTerminationPolicy "
        "PrimaryMetricGoal RandomParameterSampling TruncationSelectionPolicy choice lognormal loguniform normal "
        "qlognormal qloguniform qnormal quniform randint uniform": _SEARCH,
    },
    "azureml.train.automl": {"AutoMLConfig AutoMLImageConfig": _AUTOML},
}

#: Packages that mlsteps does not have at all: every module and every name below them is refused.
PACKAGES: Mapping[str, Refusal] = {
    "azureml._model_management": _SERVING,
    "azureml._restclient": Refusal("there is no Azure service to call", "the public classes of azureml.core"),
    "azureml.ai": Refusal("mlsteps runs pipelines and monitors no services", "Run.log"),
    "azureml.automl": _AUTOML,
    "azureml.contrib": Refusal("experimental packages are not there", "the classes of azureml.pipeline.steps"),
    "azureml.core.webservice": _SERVING,
    "azureml.datadrift": Refusal("mlsteps runs pipelines and monitors no data", "a step that compares two datasets"),
    "azureml.dataprep": Refusal("mlsteps has no data preparation engine", "Dataset.Tabular and pandas"),
    "azureml.explain": _EXPLAIN,
    "azureml.interpret": _EXPLAIN,
    "azureml.monitoring": Refusal("mlsteps runs pipelines and monitors no services", "Run.log"),
    "azureml.opendatasets": Refusal(
        "the package downloads from Azure by an engine of its own", "Dataset.File.from_files with the data's https URL"
    ),
    "azureml.pipeline.steps._hdinsight_step": Refusal("it is the SDK's inner class", "PythonScriptStep"),
    "azureml.pipeline.steps.predictor_step": Refusal("the SDK dropped it", "PythonScriptStep"),
    "azureml.telemetry": Refusal("nothing is sent anywhere", "Run.log"),
    "azureml.tensorboard": Refusal("it is a package of its own", "Run.download_files and the tensorboard program"),
    "azureml.train.automl": _AUTOML,
    "azureml.train.hyperdrive": _SEARCH,
}

#: Names that ``except`` clauses hold; they are exceptions that nothing raises.
_NEVER_RAISED: Mapping[str, str] = {
    "azureml.exceptions": "AzureMLAggregatedException WorkspacePrivateEndpointException",
    "azureml.exceptions._azureml_exception": "WorkspacePrivateEndpointException",
    "azureml._common.exceptions": "AzureMLAggregatedException",
}


def _by_name() -> Dict[str, Dict[str, Refusal]]:
    answer: Dict[str, Dict[str, Refusal]] = {}
    for path, groups in _NAMES.items():
        answer[path] = {name: why for names, why in groups.items() for name in names.split()}
    for path, names in _NEVER_RAISED.items():
        never = Refusal("mlsteps never raises it", "AzureMLException")
        answer.setdefault(path, {}).update({name: never for name in names.split()})
    return answer


#: Module path -> name -> why.
REFUSED: Mapping[str, Mapping[str, Refusal]] = _by_name()


def package_refusal(path: str) -> Refusal | None:
    """Why a module is refused whole; None when it is not."""
    parts = path.split(".")
    for length in range(len(parts), 1, -1):
        found = PACKAGES.get(".".join(parts[:length]))
        if found is not None:
            return found
    return None
