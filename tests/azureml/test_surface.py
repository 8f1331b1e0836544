"""Module paths, star imports, refusals."""

from __future__ import annotations

import json

from mlsteps.sdk.surface.modules import exported, is_known
from mlsteps.sdk.surface.refused import PACKAGES, REFUSED
from mlsteps.sdk.surface.supported import SUPPORTED


def test_no_name_is_both_supported_and_refused():
    both = {path: set(SUPPORTED[path]) & set(REFUSED[path]) for path in set(SUPPORTED) & set(REFUSED)}
    assert {path: names for path, names in both.items() if names} == {}


def test_every_refusal_says_why_and_what_else():
    refusals = [why for names in REFUSED.values() for why in names.values()] + list(PACKAGES.values())
    assert all(why.reason and why.alternative for why in refusals)


def test_the_imports_of_an_ordinary_pipeline(python, runtime):
    code = """
import azureml.core
from azureml.core import *
from azureml.core import Workspace, Experiment, Datastore, Dataset, Environment, Run, Model, RunConfiguration
from azureml.core import ScriptRunConfig, ComputeTarget, Keyvault, ContainerRegistry, VERSION
from azureml.core.authentication import InteractiveLoginAuthentication, ServicePrincipalAuthentication
from azureml.core.compute import AmlCompute, ComputeTarget as Target, DataFactoryCompute, DatabricksCompute
from azureml.core.compute_target import ComputeTargetException
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.environment import CondaDependencies as C2, RSection, RCranPackage
from azureml.core.run import Run as R2, _OfflineRun, get_run
from azureml.core.runconfig import CondaDependencies as C3, DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE, MpiConfiguration
from azureml.core.runconfig import DockerConfiguration, JarLibrary
from azureml.contrib.pipeline.steps import ParallelRunStep, ParallelRunConfig
from azureml.data import OutputFileDatasetConfig, HDFSOutputDatasetConfig, DataType, TabularDataset
from azureml.data.data_reference import DataReference
from azureml.data.datapath import DataPath, DataPathComputeBinding
from azureml.data.dataset_consumption_config import DatasetConsumptionConfig
from azureml.data.dataset_factory import TabularDatasetFactory, DataType as D2
from azureml.data.output_dataset_config import OutputDatasetConfig, OutputTabularDatasetConfig
from azureml.data.sql_data_reference import SqlDataReference
from azureml.exceptions import ComputeTargetException as E2, WebserviceException, ProjectSystemException
from azureml.exceptions._azureml_exception import ModelNotFoundException
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter, StepSequence, PublishedPipeline
from azureml.pipeline.core.graph import PipelineParameter as P2, InputPortDef
from azureml.pipeline.core.run import PipelineRun
from azureml.pipeline.core.schedule import ScheduleRecurrence, Schedule, TimeZone
from azureml.pipeline.steps import *
from azureml.pipeline.steps import PythonScriptStep, CommandStep, DataTransferStep, HyperDriveStep
from azureml.widgets import RunDetails
from azureml.train.hyperdrive import *
from azureml.train.automl import AutoMLConfig
from azureml.train.dnn import PyTorch
assert C2 is C3 is CondaDependencies and P2 is PipelineParameter and E2 is ComputeTargetException and D2 is DataType
assert R2 is Run and Target is ComputeTarget
assert azureml.core.VERSION == azureml.core.__version__ == VERSION
assert azureml.core.compute.AmlCompute is AmlCompute
assert BanditPolicy and choice and PythonScriptStep and AdlaStep
assert "Workspace" in dir(azureml.core) and "Workspace" in azureml.core.__all__
print("fine")
"""
    assert python(code, runtime).strip() == "fine"


def test_what_is_not_there_imports_and_says_so_when_used(python, runtime):
    code = """
import json
from azureml.opendatasets import MNIST
from azureml.train.automl.runtime._many_models.many_models_parameters import ManyModelsTrainParameters
from azureml.core.webservice import AciWebservice, Webservice
from azureml.core.model import InferenceConfig
import azureml.automl.core.shared.constants as constants
said = []
uses = [
    lambda: MNIST.get_file_dataset(),
    lambda: ManyModelsTrainParameters(automl_settings={}),
    lambda: AciWebservice.deploy_configuration(cpu_cores=1),
    lambda: InferenceConfig(entry_script="score.py"),
    lambda: constants.Metric.Accuracy,
    lambda: type("Mine", (Webservice,), {}),
]
for use in uses:
    try:
        use()
        said.append("nothing")
    except NotImplementedError as error:
        said.append(str(error))
try:
    raise ValueError
except (ValueError, constants.ClientException):
    pass
assert not isinstance(1, MNIST)
print(json.dumps([said, repr(MNIST)]))
"""
    said, shown = json.loads(python(code, runtime))
    features = [
        "azureml.opendatasets.MNIST.get_file_dataset",
        "azureml.train.automl.runtime._many_models.many_models_parameters.ManyModelsTrainParameters",
        "azureml.core.webservice.AciWebservice.deploy_configuration",
        "azureml.core.model.InferenceConfig",
        "azureml.automl.core.shared.constants.Metric.Accuracy",
        "azureml.core.webservice.Webservice",
    ]
    for text, feature in zip(said, features, strict=True):
        assert text.startswith(f"{feature} is not supported by mlsteps: ") and text.endswith(" instead."), text
    assert shown == "<azureml.opendatasets.MNIST: not supported by mlsteps>"


def test_an_unknown_module_or_name_is_an_import_error(python, runtime):
    code = """
for line in ("import azureml.no_such", "from azureml.core import NoSuchName", "import azureml.core.no_such",
             "from azureml.core.runconfig import nothing"):
    try:
        exec(line)
        print("imported", line)
    except ImportError as error:
        print(type(error).__name__)
"""
    assert set(python(code, runtime).split()) == {"ImportError", "ModuleNotFoundError"}


def test_a_private_setting_of_the_sdk_can_be_assigned(python, runtime):
    code = "import azureml._restclient.snapshots_client as client\nclient.SNAPSHOT_MAX_SIZE_BYTES = 10\n"
    code += "print(client.SNAPSHOT_MAX_SIZE_BYTES)"
    assert python(code, runtime).strip() == "10"


def test_the_tables_answer_what_is_known():
    assert is_known("azureml.core.compute") and is_known("azureml.opendatasets.anything.below")
    assert not is_known("azureml.nothing") and not is_known("azureml.core.nothing")
    assert "Workspace" in exported("azureml.core") and "_OfflineRun" not in exported("azureml.core.run")


def test_what_is_not_there_is_caught_by_the_errors_of_every_release(python, runtime, tmp_path):
    code = """
from msrest.exceptions import HttpOperationError
from azureml.core import Datastore, Workspace
from azureml.exceptions import UserErrorException
from azureml.pipeline.core import PipelineEndpoint
from azureml.pipeline.core._restclients.aeva.models.error_response import ErrorResponseException
workspace = Workspace.get("empty")
for look_up in (Datastore.get, PipelineEndpoint.get):
    for error in (HttpOperationError, ErrorResponseException, UserErrorException):
        try:
            look_up(workspace, name="nowhere") if look_up is PipelineEndpoint.get else look_up(workspace, "nowhere")
        except error as caught:
            print("nowhere" in str(caught) and caught.message == str(caught))
"""
    theirs = tmp_path / "msrest"
    theirs.mkdir()
    (theirs / "__init__.py").write_text("")
    (theirs / "exceptions.py").write_text(
        "class HttpOperationError(Exception):\n    def __init__(self, deserialize, response, *args): assert response\n"
    )
    start = f"import os\nos.environ['MLSTEPS_HOME'] = {str(tmp_path)!r}\nimport azureml\n"
    for code_of in (start + code, f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n" + start + code):
        assert python(code_of, runtime).split() == ["True"] * 6
