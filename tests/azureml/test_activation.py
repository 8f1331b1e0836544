"""``import mlsteps.azureml``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.azureml.conftest import PACKAGE


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder in which something that looks like the real azureml-core is installed."""
    core = tmp_path / "site" / "azureml" / "core"
    core.mkdir(parents=True)
    (core.parent / "__init__.py").write_text("__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n")
    (core / "__init__.py").write_text("class Workspace: real = True\n")
    return tmp_path / "site"


def test_it_makes_azureml_importable(python):
    code = "import mlsteps.azureml\nfrom azureml.core import Workspace\nimport azureml_user.parallel_run\n"
    code += "print(Workspace.__module__)"
    assert python(code, PACKAGE.parent).strip() == "mlsteps.sdk.workspace"


def test_it_adds_no_other_importable_names(python):
    code = "import sys, os\nbefore = set(sys.path)\nimport mlsteps.azureml\n(folder,) = set(sys.path) - before\n"
    code += "print(sorted(name for name in os.listdir(folder) if not name.startswith('__')))"
    assert python(code, PACKAGE.parent).strip() == "['azureml', 'azureml_user']"


def test_the_real_sdk_stays_and_a_warning_says_so(python, real):
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import mlsteps.azureml
from azureml.core import Workspace
print(Workspace.real, [str(item.message) for item in caught])
"""
    said = python(code, Path(os.pathsep.join([str(real), str(PACKAGE.parent)])))
    assert said.startswith("True") and "azureml-core is installed" in said and "replace=True" in said


def test_the_real_sdk_is_replaced_when_asked(python, real):
    code = """
import warnings
warnings.simplefilter("ignore")
import mlsteps.azureml
assert mlsteps.azureml.activate(replace=True)
from azureml.core import Workspace
print(Workspace.__module__, mlsteps.azureml.activate())
"""
    said = python(code, Path(os.pathsep.join([str(real), str(PACKAGE.parent)])))
    assert said.split() == ["mlsteps.sdk.workspace", "True"]


def test_an_azureml_package_without_core_is_no_real_sdk(python, tmp_path):
    (tmp_path / "site" / "azureml" / "widgets").mkdir(parents=True)
    (tmp_path / "site" / "azureml" / "__init__.py").write_text("")
    code = "import mlsteps.azureml\nfrom azureml.core import Workspace\nprint(Workspace.__module__)"
    path = Path(os.pathsep.join([str(tmp_path / "site"), str(PACKAGE.parent)]))
    assert python(code, path).strip() == "mlsteps.sdk.workspace"


def test_once_the_real_sdk_has_been_imported_it_stays(python, real):
    code = """
import warnings, azureml.core
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import mlsteps.azureml
print(mlsteps.azureml.activate(replace=True), len(caught))
"""
    said = python(code, Path(os.pathsep.join([str(real), str(PACKAGE.parent)])))
    assert said.split() == ["False", "1"]


def test_importing_it_is_quick_and_loads_no_sdk_object(python):
    code = "import sys, mlsteps.azureml, azureml.core, azureml.pipeline.core\n"
    code += "print([name for name in sys.modules if name.startswith('mlsteps.sdk.') and 'surface' not in name])"
    assert python(code, PACKAGE.parent).strip() == "[]"
