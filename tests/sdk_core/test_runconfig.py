from __future__ import annotations

import copy
from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput, RunConfigurationException, UserErrorException
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.environment import Environment
from mlsteps.sdk.runconfig import (
    Data,
    DataLocation,
    DataReferenceConfiguration,
    Dataset,
    DockerConfiguration,
    MpiConfiguration,
    PyTorchConfiguration,
    RunConfiguration,
    TensorflowConfiguration,
)
from mlsteps.sdk.script_run_config import ScriptRunConfig


def chained():
    """As notebooks do it, line by line."""
    config = RunConfiguration()
    config.target = "cpu-cluster"
    config.environment.docker.enabled = True
    config.environment.docker.base_image = "image"
    config.environment.python.user_managed_dependencies = False
    config.environment.python.conda_dependencies = CondaDependencies.create(conda_packages=["scikit-learn"])
    config.environment.spark.precache_packages = False
    config.environment.environment_variables["A"] = "environment"
    config.environment_variables["A"] = "run"
    config.environment_variables["B"] = 1
    config.docker.use_docker = True
    config.node_count = 2
    config.history.output_collection = False
    return config


def test_defaults_matter_to_nothing():
    config = RunConfiguration()
    assert (config.target, config.framework, config.communicator, config.node_count) == ("local", "Python", "None", 1)
    assert (config._settings(), config._compute(), config._variables()) == ({}, {}, {})


def test_settings_are_what_differs():
    config = chained()
    assert config._settings() == {
        "node_count": 2,
        "docker": {"use_docker": True},
        "history": {"output_collection": False},
    }
    assert config._variables() == {"A": "run", "B": "1"}
    assert config._compute() == {"name": "cpu-cluster"}
    older = RunConfiguration()
    older.environment.docker.enabled = True
    older.environment.docker.shm_size = "8g"
    assert older._settings() == {"docker": {"use_docker": True, "shm_size": "8g"}}
    older.docker = DockerConfiguration(use_docker=True, arguments=["--cpus=2"])
    assert older._settings()["docker"] == {"use_docker": True, "shm_size": "8g", "arguments": ["--cpus=2"]}


def test_constructor():
    conda = CondaDependencies.create(pip_packages=["numpy"])
    config = RunConfiguration(script="a.py", arguments="--x 1", framework="pyspark", conda_dependencies=conda)
    assert config.environment.python.conda_dependencies is conda
    assert (config.framework, config.arguments) == ("PySpark", ["--x", "1"])
    with pytest.raises(RunConfigurationException, match="command"):
        RunConfiguration(script="a.py", command="b")
    with pytest.raises(InvalidInput, match="framework is 'Perl'"):
        RunConfiguration(framework="Perl")
    with pytest.raises(InvalidInput, match="communicator"):
        RunConfiguration(communicator="Pigeon")


def test_what_cannot_be_assigned():
    config = RunConfiguration()
    with pytest.raises(InvalidInput, match="target"):
        config.target = 7
    with pytest.raises(InvalidInput, match=r"Environment.get"):
        config.environment = "AzureML-Minimal"
    with pytest.raises(InvalidInput, match="environment_variables"):
        config.environment_variables = ["A=1"]


@pytest.mark.parametrize("separate", [False, True])
def test_save_and_load(tmp_path, separate):
    config = chained()
    config.data_references = {"in": DataReferenceConfiguration("store", path_on_datastore="p")}
    config.data = {"d": Data(DataLocation(Dataset(dataset_id="1")), mechanism="mount")}
    config.script, config.arguments = "train.py", ["--a", 1]
    file = config.save(tmp_path, "mine", separate_environment_yaml=separate)
    assert Path(file) == tmp_path / ".azureml" / "mine.runconfig"
    again = RunConfiguration.load(tmp_path, "mine")
    assert again._settings() == config._settings() and again._variables() == config._variables()
    assert again.environment._document() == config.environment._document()
    assert (again.target, again.script, again.arguments) == ("cpu-cluster", "train.py", ["--a", 1])
    assert again.data_references["in"].data_store_name == "store"
    assert RunConfiguration.load(file)._settings() == config._settings()
    RunConfiguration.delete(tmp_path, "mine")
    with pytest.raises(UserErrorException, match=r"'mine'.*aml_config"):
        RunConfiguration.load(tmp_path, "mine")


def test_a_default_environment_stays_one_when_saved(tmp_path):
    config = RunConfiguration()
    config.save(tmp_path, "plain")
    assert RunConfiguration.load(tmp_path, "plain").environment._document() == config.environment._document()


def test_a_file_as_the_sdk_wrote_it(tmp_path):
    folder = tmp_path / "aml_config"
    folder.mkdir()
    (folder / "conda.yml").write_text("dependencies:\n- python=3.6.2\n- pip: [azureml-defaults]\n")
    (folder / "docker.runconfig").write_text(
        "script: train.py\narguments: []\nframework: Python\ncommunicator: None\ntarget: local\n"
        "environment:\n  python:\n    userManagedDependencies: false\n    interpreterPath: python\n"
        "    condaDependenciesFile: aml_config/conda.yml\n    baseCondaEnvironment:\n"
        "  environmentVariables: {EXAMPLE: value}\n"
        "  docker: {enabled: true, baseImage: old/image, sharedVolumes: true, gpuSupport: false, arguments: []}\n"
        "  spark: {repositories: [], packages: [{group: g, artifact: a, version: v}], precachePackages: true}\n"
        "history: {outputCollection: true, snapshotProject: true}\n"
        "spark:\n  configuration: {spark.app.name: x}\nhdi: {yarnDeployMode: cluster}\n"
        "tensorflow: {workerCount: 2, parameterServerCount: 1}\nmpi: {processCountPerNode: 2}\nnodeCount: 3\n"
        "dataReferences:\n  d: {dataStoreName: s, pathOnDataStore: p, mode: download, overwrite: false}\n"
    )
    config = RunConfiguration.load(str(tmp_path), "docker")
    assert config.environment.docker.enabled and config.environment.docker.base_image == "old/image"
    assert config.environment.python.conda_dependencies.get_python_version() == "3.6.2"
    assert config._settings()["node_count"] == 3 and config._settings()["process_count_per_node"] == 2
    assert config._variables() == {"EXAMPLE": "value"}
    assert config.data_references["d"].path_on_data_store == "p"


def test_script_run_config(tmp_path):
    environment = Environment("e")
    base = RunConfiguration()
    base.node_count = 5
    made = ScriptRunConfig(
        source_directory=tmp_path,
        script="train.py",
        arguments=["--a", 1],
        run_config=base,
        compute_target="cpu",
        environment=environment,
        distributed_job_config=MpiConfiguration(2, 3),
        docker_runtime_config=DockerConfiguration(True),
    )
    assert made.source_directory == str(tmp_path) and made.run_config.target == "cpu"
    assert made.run_config.environment is environment
    settings = made.run_config._settings()
    assert settings["node_count"] == 3 and settings["process_count_per_node"] == 2
    assert settings["communicator"] == "IntelMpi" and settings["docker"] == {"use_docker": True}
    assert base.node_count == 5 and base.target == "local", "the given configuration stays as it is"
    torch = ScriptRunConfig(".", command=["python", "x.py"], distributed_job_config=PyTorchConfiguration(node_count=2))
    assert torch.run_config._settings()["framework"] == "PyTorch" and torch.command == ["python", "x.py"]
    flow = ScriptRunConfig(".", "x.py", distributed_job_config=TensorflowConfiguration(2, 1))
    assert flow.run_config._settings()["node_count"] == 3
    with pytest.raises(UserErrorException, match="command"):
        ScriptRunConfig(".", script="a", command="b")
    with pytest.raises(InvalidInput, match="distributed_job_config"):
        ScriptRunConfig(".", script="a", distributed_job_config="mpi")


def test_copies_are_apart():
    config = chained()
    other = copy.deepcopy(config)
    other.environment.python.conda_dependencies.add_pip_package("torch")
    other.docker.use_docker = False
    assert "torch" not in list(config.environment.python.conda_dependencies.pip_packages)
    assert config.docker.use_docker
