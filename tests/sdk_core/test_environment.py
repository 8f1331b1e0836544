from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from mlsteps.contracts.codec import canonical
from mlsteps.errors import InvalidInput, UnsupportedFeature, UserErrorException
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.container_registry import ContainerRegistry
from mlsteps.sdk.environment import (
    DEFAULT_GPU_IMAGE,
    DockerBuildContext,
    Environment,
    EnvironmentReference,
    RCranPackage,
    RSection,
)


def full():
    made = Environment("full")
    made.python.conda_dependencies = CondaDependencies.create(pip_packages=["numpy==1.23.5"], python_version="3.8")
    made.docker.base_image = DEFAULT_GPU_IMAGE
    made.docker.base_image_registry.address = "registry.example"
    made.docker.base_image_registry.password = "GEHEIM"
    made.docker.shm_size = "4g"
    made.environment_variables = {"A": 1}
    made.spark.precache_packages = False
    made.r = RSection()
    package = RCranPackage()
    package.name = "glue"
    made.r.cran_packages = [package]
    return made


def test_the_document_holds_what_matters():
    assert Environment("plain")._document() == {
        "name": "plain",
        "python": {
            "user_managed_dependencies": False,
            "conda": {"channels": ["anaconda", "conda-forge"], "dependencies": [{"pip": ["azureml-defaults"]}]},
        },
    }
    document = full()._document()
    assert document["docker"] == {"base_image": DEFAULT_GPU_IMAGE, "registry": "registry.example", "shm_size": "4g"}
    assert document["environment_variables"] == {"A": "1"}
    assert document["spark"] == {"precache_packages": False}
    assert document["r"] == {"cran_packages": [{"name": "glue"}]}
    assert "GEHEIM" not in canonical(document)
    assert "GEHEIM" not in repr(full())


def test_user_managed_dependencies_leave_conda_out():
    made = Environment("own")
    made.python.user_managed_dependencies = True
    made.python.interpreter_path = "/opt/python"
    assert made._document()["python"] == {"user_managed_dependencies": True, "interpreter_path": "/opt/python"}


def test_documents_and_folders_give_the_same_environment_back(tmp_path):
    made = full()
    assert Environment._from_document(json.loads(json.dumps(made._document())))._document() == made._document()
    made.r = None
    made.save_to_directory(tmp_path / "env")
    assert sorted(path.name for path in (tmp_path / "env").iterdir()) == [
        "azureml_environment.json",
        "conda_dependencies.yml",
    ]
    assert "GEHEIM" not in (tmp_path / "env" / "azureml_environment.json").read_text()
    assert Environment.load_from_directory(tmp_path / "env")._document() == made._document()
    with pytest.raises(UserErrorException, match="overwrite"):
        made.save_to_directory(tmp_path / "env")


def test_a_dockerfile_in_a_folder(tmp_path):
    made = Environment.from_dockerfile("d", "FROM python:3.11\nRUN true\n", pip_requirements=_requirements())
    made.save_to_directory(tmp_path / "env")
    assert (tmp_path / "env" / "BaseDockerfile").read_text() == "FROM python:3.11\nRUN true\n"
    assert Environment.load_from_directory(tmp_path / "env")._document() == made._document()


def test_registration_gives_versions(ws):
    made = full()
    first = made.register(workspace=ws)
    assert (first.version, made.version) == ("1", "1")
    assert made.register(ws).version == "1"
    made.python.conda_dependencies.add_pip_package("pandas")
    assert made.register(ws).version == "2"
    assert Environment.get(ws, "full").version == "2"
    old = Environment.get(workspace=ws, name="full", version="1")
    assert list(old.python.conda_dependencies.pip_packages) == ["numpy==1.23.5"]
    assert ws.environments["full"].version == "2"
    assert EnvironmentReference("full", "1").get_environment(ws)._document() == old._document()
    clone = old.clone("copy")
    assert (clone.name, clone.version, clone.register(ws).version) == ("copy", None, "1")


def test_what_is_not_there_is_named(ws):
    full().register(ws)
    with pytest.raises(UserErrorException, match=r"'nope'.*full"):
        Environment.get(ws, "nope")
    with pytest.raises(UserErrorException, match="full:7"):
        Environment.get(ws, "full", "7")
    with pytest.raises(UserErrorException, match="own environments"):
        Environment("AzureML-mine").register(ws)
    with pytest.raises(InvalidInput, match="get_environment"):
        EnvironmentReference("full")._document()
    with pytest.raises(UnsupportedFeature, match="label"):
        Environment.get(ws, "full", label="prod")


def _requirements():
    Path("more.txt").write_text("scipy\n")
    Path("requirements.txt").write_text("# comment\nnumpy==1.0  # why\n--pre\n-r more.txt\npan\\\ndas>=1\n\n")
    return "requirements.txt"


def test_from_files():
    Path("env.yml").write_text("dependencies:\n- python=3.7\n- pip:\n  - numpy\n")
    conda = Environment.from_conda_specification(name="c", file_path="env.yml")
    assert conda._document()["python"]["conda"] == {"dependencies": ["python=3.7", {"pip": ["numpy"]}]}
    pip = Environment.from_pip_requirements("p", _requirements(), pip_version="21.3")
    dependencies = pip.python.conda_dependencies
    assert list(dependencies.pip_packages) == ["numpy==1.0", "scipy", "pan das>=1"]
    assert list(dependencies.pip_options) == ["--pre"] and "pip=21.3" in list(dependencies.conda_packages)
    Path("bad.txt").write_text("-e .\n")
    with pytest.raises(InvalidInput, match="editable"):
        Environment.from_pip_requirements("p", "bad.txt")


def test_from_images_and_build_contexts(ws, tmp_path):
    registry = ContainerRegistry()
    registry.address = "r"
    image = Environment.from_docker_image("i", "python:3.11", container_registry=registry)
    assert image._document()["docker"] == {"base_image": "python:3.11", "registry": "r"}
    assert image.python.user_managed_dependencies
    assert not Environment.from_docker_image(
        "i", "x", pip_requirements=_requirements()
    ).python.user_managed_dependencies
    with pytest.raises(InvalidInput, match="one of them"):
        Environment.from_docker_image("i", "x", conda_specification="a", pip_requirements="b")
    with pytest.raises(InvalidInput, match="no Dockerfile 'nope'"):
        Environment.from_dockerfile("d", "nope")
    with pytest.raises(InvalidInput, match="holds no Dockerfile"):
        DockerBuildContext.from_local_directory(ws, tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM x")
    made = Environment.from_docker_build_context("b", DockerBuildContext.from_local_directory(ws, tmp_path))
    assert made._document()["docker"]["build_context"]["location"] == str(tmp_path)


def test_the_last_of_image_dockerfile_and_context_counts():
    made = Environment("e")
    made.docker.base_image = None
    made.docker.base_dockerfile = "FROM x\n"
    assert made._document()["docker"] == {"base_dockerfile": "FROM x\n"} and made.docker.base_image is None
    made.docker.base_image = "y"
    assert made._document()["docker"] == {"base_image": "y"} and made.docker.base_dockerfile is None


def test_private_wheels(ws, tmp_path):
    wheel = tmp_path / "mine-1.0-py3-none-any.whl"
    wheel.write_bytes(b"zip")
    url = Environment.add_private_pip_wheel(ws, str(wheel), exist_ok=False)
    assert url.startswith("file://") and Path(url[7:]).read_bytes() == b"zip"
    with pytest.raises(UserErrorException, match="exist_ok"):
        Environment.add_private_pip_wheel(ws, str(wheel))
    assert Environment.add_private_pip_wheel(ws, str(wheel), exist_ok=True) == url


def test_unknown_attributes_warn_once_each_and_chains_work():
    made = Environment("e")
    with pytest.warns(UserWarning, match=r"DockerSection.gpu is not known"):
        made.docker.gpu = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.docker.gpu = False
        made.docker.enabled = True
        made.python.user_managed_dependencies = True
    with pytest.warns(UserWarning, match=r"Environment.inferencing") as caught:
        made.inferencing.stack.version = "latest"
    assert len(caught) == 1 and made.inferencing.stack.version == "latest" and not made.inferencing
    with pytest.raises(UnsupportedFeature, match="inferencing"):
        made.inferencing()
    with pytest.raises(AttributeError):
        _ = made._hidden
    with pytest.raises(InvalidInput, match=r"CondaDependencies\(path\)"):
        made.python.conda_dependencies = "env.yml"
        made.python.user_managed_dependencies = False
        made._document()
