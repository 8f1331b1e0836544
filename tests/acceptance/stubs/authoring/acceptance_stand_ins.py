"""Stand-ins for parts of the SDK that are services of Azure: AutoML, which fits a linear model here, and open data.

Loaded by a ``.pth`` file at the start of the authoring interpreter; modules of these names are found here first.
"""

import importlib.abc
import importlib.machinery
import sys

_MODULES = {
    "azureml.opendatasets": "acceptance_opendatasets",
    "azureml.train.automl": "acceptance_automl",
    "azureml.train.automl.run": "acceptance_automl",
    "mlsteps.sdk.steps.automl": "acceptance_automl",
}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, fullname, path=None, target=None):
        if fullname not in _MODULES:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module):
        source = importlib.import_module(_MODULES[module.__name__])
        module.__dict__.update({name: value for name, value in vars(source).items() if not name.startswith("__")})


sys.meta_path.insert(0, _Finder())
