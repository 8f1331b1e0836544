"""``import mlsteps.azureml`` lets unchanged SDK code say ``from azureml.core import Workspace``.

It puts the folder with mlsteps' own ``azureml`` package first on ``sys.path``. Where the real azureml-core can be
imported it warns and leaves everything as it is; :func:`activate` with ``replace=True`` takes its place. Inside a step
none of this is needed: the runner has put the package on ``PYTHONPATH``.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import warnings

#: The folder that goes on ``sys.path``.
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_azureml")


def activate(replace: bool = False) -> bool:
    """Make ``azureml`` mean mlsteps in this process; answers whether it does.

    :param replace: also where the real azureml-core is installed, unless it has been imported already.
    """
    loaded = sys.modules.get("azureml")
    if loaded is not None:
        ours = _is_ours(getattr(loaded, "__file__", None))
        if not ours:
            warnings.warn("azureml has been imported already and is not mlsteps'. It stays.", stacklevel=3)
        return ours
    real = real_sdk()
    if real is not None and not replace:
        warnings.warn(
            f"The real azureml-core is installed ({real}), so 'import azureml' stays as it is and runs nothing on "
            "Airflow. Uninstall it, use an environment without it, or call mlsteps.azureml.activate(replace=True).",
            stacklevel=3,
        )
        return False
    if FOLDER in sys.path:
        sys.path.remove(FOLDER)
    sys.path.insert(0, FOLDER)
    from mlsteps.sdk.surface.modules import install

    install()  # scripts may import msrest, which the SDK brings, before azureml
    return True


def real_sdk() -> str | None:
    """The folder of an importable azureml-core that is not mlsteps'; None when there is none. Nothing is imported."""
    for entry in sys.path:
        spec = importlib.machinery.PathFinder.find_spec("azureml", [entry])
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            if not _is_ours(place) and os.path.isfile(os.path.join(place, "core", "__init__.py")):
                return place
    return None


def _is_ours(path: str | None) -> bool:
    return path is not None and os.path.realpath(path).startswith(os.path.realpath(FOLDER) + os.sep)


activate()
