"""Environments as images: what a build is given, what it is named by, where credentials go. Nothing is built here."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess

import pytest

from mlsteps.environments import conda_install, conda_solver, image, python_versions
from mlsteps.environments.image import plan
from mlsteps.errors import InvalidInput


@pytest.fixture(autouse=True)
def _plain_machine(monkeypatch):
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "UV_CONSTRAINT", "UV_EXCLUDE_NEWER"):
        monkeypatch.delenv(name, raising=False)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "MLSTEPS_STRICT_PYTHON"):
        monkeypatch.delenv(name, raising=False)


def environment(*packages, python="3.8", name="e", **docker):
    return {
        "name": name,
        "python": {"conda": {"dependencies": [f"python={python}", {"pip": list(packages)}]}},
        "docker": docker,
    }


RUNNING = "{}.{}".format(*python_versions.running().version)
GOLDEN = """\
# Made by mlsteps for e. What it says is what its tag is made of.
FROM python:3.8-slim
USER root
ENV UV_PYTHON_INSTALL_DIR=/opt/mlsteps/python UV_LINK_MODE=copy

# The interpreter.
RUN --mount=type=bind,source=interpreter,target=/build/interpreter \\
    sh /build/interpreter/make.sh 3.8 near

# The packages: the slow part, made again only when one of its files has changed.
RUN --mount=type=bind,source=interpreter,target=/build/interpreter \\
    --mount=type=bind,source=packages,target=/build/packages \\
    --mount=type=cache,target=/build/cache \\
    sh /build/packages/install.sh

# Steps bring everything else along, and need no rights here.
ENV PATH=/opt/mlsteps/env/bin:$PATH VIRTUAL_ENV=/opt/mlsteps/env HOME=/mlsteps/home
USER 1000:1000
"""


def test_the_dockerfile():
    made = plan(environment("pandas", "scikit-learn==0.24.2"))
    assert made.dockerfile == GOLDEN
    assert made.files["packages/requirements.txt"] == "pandas\nscikit-learn==0.24.2\n"
    assert made.base == "python:3.8-slim" and made.python == "/opt/mlsteps/env/bin/python"


def test_the_dockerfile_without_buildkit_has_no_mounts():
    made = plan(environment("pandas"))
    assert "--mount" not in made.classic
    assert [line for line in made.classic.splitlines() if line.startswith(("COPY", "RUN"))] == [
        "COPY interpreter /build/interpreter",
        "RUN sh /build/interpreter/make.sh 3.8 near",
        "COPY packages /build/packages",
        "RUN sh /build/packages/install.sh",
    ]


@pytest.mark.parametrize("name", ["interpreter/make.sh", "packages/install.sh"])
def test_the_scripts_are_shell(name, tmp_path):
    (tmp_path / "s.sh").write_text(plan(environment("pandas")).files[name])
    subprocess.run(["sh", "-n", str(tmp_path / "s.sh")], check=True)


def test_options_reach_both_installers():
    script = plan(environment("torch", "--pre", "--trusted-host x.example")).files["packages/install.sh"]
    assert "--prerelease=allow --allow-insecure-host=x.example" in script
    assert "--pre --trusted-host=x.example" in script


def test_the_name_is_of_what_counts():
    names = {
        plan(environment("pandas", "numpy")).name,
        plan(environment("numpy", "pandas", name="other")).name,  # neither the order nor the name counts
    }
    assert len(names) == 1
    others = {
        plan(environment("pandas")).name,
        plan(environment("pandas", "numpy", python="3.9")).name,
        plan(environment("pandas", "numpy"), base_image="other").name,
        plan(environment("pandas", "numpy", base_image="own:1")).name,
    }
    assert len(others) == 4 and not others & names


def test_what_the_machine_says_of_versions_counts(monkeypatch, tmp_path):
    before = plan(environment("pandas"))
    (tmp_path / "c.txt").write_text("numpy==1.23.5\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "c.txt"))
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2022-12-31")
    made = plan(environment("pandas"))
    assert made.name != before.name
    assert made.files["packages/constraints.txt"] == "numpy==1.23.5\n"
    assert "--exclude-newer 2022-12-31" in made.files["packages/install.sh"]
    assert plan(environment()) == plan(environment())  # nothing is installed, so nothing of it counts


def test_credentials_are_in_the_secret_alone(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:first-secret@index.example/simple")
    lines = ["--extra-index-url https://user:second-secret@x.example/simple", "a @ https://t0ken@x.example/a.whl"]
    made = plan(environment("pandas", *lines))
    for text in (made.dockerfile, made.classic, *made.files.values(), *made.notes, made.name):
        assert "secret" not in text.replace("type=secret", "").replace("/build/secret", "").replace(
            "build's secret", ""
        )
        assert "t0ken" not in text
    assert made.secrets[image.INDEXES].splitlines() == [
        lines[0],
        "--index-url https://user:first-secret@index.example/simple",
        lines[1],
    ]
    assert "type=secret,id=indexes.txt" in made.dockerfile
    other = plan(environment("pandas", *(line.replace("second-secret", "renewed") for line in lines)))
    assert other.name == made.name


@pytest.mark.parametrize(
    "document, base",
    [
        ({}, f"python:{RUNNING}-slim"),
        (environment("pandas", python="3.9"), "python:3.9-slim"),
        (environment("pandas", python="3.6"), "python:3.8-slim"),  # the oldest that runs a step
        (environment("pandas", base_image="own:1"), "own:1"),
        (environment("pandas", base_image="mcr.microsoft.com/azureml/base:1"), "python:3.8-slim"),
    ],
)
def test_what_images_start_from(document, base):
    assert plan(document, base_images={"mcr.microsoft.com/azureml/*": "python:{python}-slim"}).base == base


def test_nothing_to_install_is_nothing_to_build():
    assert plan(None).digest == ""
    assert plan(environment()).base == "python:3.8-slim" and plan(environment()).digest == ""
    # An image that is not made for the Python asked for gets it.
    assert plan(environment(), base_image="own:1").digest != ""
    assert plan(environment(base_image="own:1")).digest != ""


def test_user_managed_environments_take_the_image_as_it_is():
    section = {"user_managed_dependencies": True, "interpreter_path": "/opt/conda/bin/python"}
    made = plan({"python": section, "docker": {"base_image": "own:1"}})
    assert (made.base, made.python, made.digest) == ("own:1", "/opt/conda/bin/python", "")


def test_a_dockerfile_of_ones_own_with_and_without_packages():
    text = "FROM own:1\nRUN make it so\n"
    alone = plan({"python": {"user_managed_dependencies": True}, "docker": {"base_dockerfile": text}})
    assert alone.dockerfile == text and alone.python == "python" and alone.files == {}
    with_packages = plan(environment("pandas", base_dockerfile=text))
    assert with_packages.before is not None and with_packages.before.name == alone.name
    assert f"FROM {alone.name}\n" in with_packages.dockerfile


def test_a_build_context_counts_by_its_files(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM own:1\n")
    document = {
        "python": {"user_managed_dependencies": True},
        "docker": {"build_context": {"location": str(tmp_path), "dockerfile_path": "Dockerfile"}},
    }
    before = plan(document)
    assert (before.folder, before.path) == (str(tmp_path), "Dockerfile")
    (tmp_path / "more").write_text("x")
    assert plan(document).name != before.name
    (tmp_path / "Dockerfile").unlink()
    with pytest.raises(InvalidInput, match="holds no Dockerfile"):
        plan(document)


def test_a_package_that_cannot_be_had_is_named(monkeypatch):
    monkeypatch.setattr(conda_solver, "is_installed", lambda: False)
    with pytest.raises(InvalidInput, match="cudatoolkit"):
        plan({"python": {"conda": {"dependencies": ["cudatoolkit=11"]}}})


def of_conda(channel="https://me:s3cret@conda.example/own"):
    conda = {"channels": [channel], "dependencies": ["gdal=3.6", {"pip": ["pandas"]}]}
    return {"name": "e", "python": {"conda": conda}}


def test_what_pip_has_not_is_solved_in_the_build(monkeypatch):
    monkeypatch.setattr(conda_solver, "is_installed", lambda: True)
    made = plan(of_conda())
    assert "sh /build/conda/make.sh" in made.dockerfile and "sh /build/interpreter/make.sh" not in made.dockerfile
    assert "type=secret,id=channels.json,target=/build/secret/channels.json" in made.dockerfile
    assert json.loads(made.files["conda/conda.json"]) == {
        "specs": ["gdal=3.6", "python >=3.8"],
        "channels": ["https://conda.example/own"],
    }
    texts = (made.dockerfile, made.classic, made.name, *made.files.values())
    assert not [text for text in texts if "s3cret" in text] and "conda.example" in made.secrets["channels.json"]
    assert plan(of_conda("https://conda.example/own")).name == made.name
    assert plan(of_conda("https://conda.example/other")).name != made.name


def test_what_installs_conda_packages_in_an_image_stands_alone():
    text = inspect.getsource(conda_install)
    assert "from mlsteps" not in text and "import mlsteps" not in text and ast.parse(text, feature_version=(3, 8))


def test_a_step_may_insist_on_its_python(monkeypatch):
    monkeypatch.setenv("MLSTEPS_STRICT_PYTHON", "1")
    assert "make.sh 3.8 strict" in plan(environment("pandas")).dockerfile


def test_a_change_of_what_builds_look_like_is_a_change_of_names(monkeypatch):
    before = plan(environment("pandas")).name
    monkeypatch.setattr(image, "FORMAT", image.FORMAT + 1)
    assert plan(environment("pandas")).name != before
