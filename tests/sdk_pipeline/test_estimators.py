"""Estimators: what their keywords make of a step, an environment and a run of their own."""

from __future__ import annotations

import pytest

import mlsteps.azureml  # noqa: F401
from azureml.core import Environment
from azureml.core.runconfig import DEFAULT_GPU_IMAGE
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import EstimatorStep
from azureml.train.dnn import Mpi, Nccl, ParameterServer, PyTorch, TensorFlow
from azureml.train.estimator import Estimator
from azureml.train.sklearn import SKLearn
from mlsteps.errors import InvalidInput


def packages(estimator: Estimator) -> list[str]:
    conda = estimator.conda_dependencies
    return [*conda.conda_packages, *conda.pip_packages]


def test_a_step_of_an_estimator(workspace, source) -> None:
    estimator = Estimator(
        str(source), entry_script="train.py", compute_target="cpu", conda_packages=["scikit-learn"], pip_packages=["x"]
    )
    model, rate = PipelineData("model"), PipelineParameter("rate", 0.1)
    step = EstimatorStep("train", estimator, ["--rate", rate, "--model", model], outputs=[model], compute_target="cpu")
    graph = Pipeline(workspace, step).graph
    node = graph.steps[0]
    assert node.arguments == ("--rate", {"parameter": "rate"}, "--model", {"output": "model"})
    assert (node.script, node.source_directory) == ("train.py", str(source))
    conda = graph.environments[node.environment]["python"]["conda"]["dependencies"]
    assert "scikit-learn" in conda and "x" in conda[-1]["pip"]


def test_arguments_of_the_estimator_itself_belong_to_the_step(source) -> None:
    estimator = Estimator(source, entry_script="train.py", script_params={"--rate": 0.1, "--verbose": ""})
    assert estimator.run_config.arguments == ["--rate", 0.1, "--verbose"]
    with pytest.raises(InvalidInput, match="estimator_entry_script_arguments"):
        EstimatorStep("train", estimator)


def test_files_lie_in_the_source_directory(source) -> None:
    (source / "needs.txt").write_text("lightgbm==3.3.5\n")
    (source / "conda.yml").write_text("dependencies: [python=3.8, numpy]\n")
    estimator = Estimator(
        source, entry_script="train.py", pip_requirements_file="needs.txt", conda_dependencies_file_path="conda.yml"
    )
    assert packages(estimator) == ["python=3.8", "numpy", "lightgbm==3.3.5"]
    with pytest.raises(InvalidInput, match=r"nowhere\.yml"):
        Estimator(source, entry_script="train.py", conda_dependencies_file="nowhere.yml")
    with pytest.raises(InvalidInput, match="entry_script"):
        Estimator(source)


def test_the_container_it_describes(source) -> None:
    estimator = Estimator(
        source, entry_script="train.py", use_gpu=True, shm_size="4g", environment_variables={"A": "1"}
    )
    docker = estimator.run_config.environment.docker
    assert (docker.enabled, docker.base_image, docker.shm_size) == (True, DEFAULT_GPU_IMAGE, "4g")
    assert estimator.run_config.environment.environment_variables == {"A": "1"}
    own = Estimator(source, entry_script="train.py", custom_docker_image="mine:1", use_docker=False, user_managed=True)
    assert own.run_config.environment.docker.base_image == "mine:1"
    assert own.run_config.environment.python.user_managed_dependencies


def test_a_given_environment_counts_before_all_keywords(source) -> None:
    given = Environment("given")
    estimator = Estimator(source, entry_script="train.py", environment_definition=given, pip_packages=["x"])
    assert estimator.run_config.environment is given and "x" not in packages(estimator)


def test_a_framework_comes_in_the_version_that_was_asked_for(source) -> None:
    asked = PyTorch(source, entry_script="train.py", framework_version="1.4")
    assert packages(asked)[0] == "python=3.8" and {"torch==1.4", "torchvision"} <= set(packages(asked))
    assert (asked.framework_version, "1.4" in PyTorch.get_supported_versions()) == ("1.4", True)
    assert "scikit-learn" in packages(SKLearn(source, entry_script="train.py", compute_target="local"))


def test_how_it_is_distributed(source) -> None:
    run = PyTorch(source, entry_script="train.py", node_count=2, distributed_training=Mpi(4)).run_config
    assert (run.communicator, run.node_count, run.mpi.process_count_per_node) == ("OpenMpi", 2, 4)
    run = TensorFlow(source, entry_script="train.py", distributed_backend="ps", worker_count=3).run_config
    assert (run.communicator, run.tensorflow.worker_count) == ("ParameterServer", 3)
    assert Estimator(source, entry_script="train.py", distributed_training=Nccl()).run_config.communicator == "Nccl"
    with pytest.raises(InvalidInput, match="distributed_backend"):
        Estimator(source, entry_script="train.py", distributed_backend="pigeons")
    with pytest.raises(InvalidInput, match="PyTorch"):
        ParameterServer().validate("PyTorch")


def test_inputs_of_the_estimator_are_the_steps(workspace, source) -> None:
    from azureml.core import Dataset

    data = Dataset.File.from_files((workspace.get_default_datastore(), "in/"), validate=False).as_named_input("given")
    estimator = Estimator(source, entry_script="train.py", inputs=[data.as_mount()])
    node = Pipeline(workspace, EstimatorStep("train", estimator, compute_target="cpu")).graph.steps[0]
    assert [port.name for port in node.inputs] == ["given"]
