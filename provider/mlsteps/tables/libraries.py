"""pandas and pyarrow, imported when used; without them an error that says how a step gets them."""

from __future__ import annotations

import sys
from typing import Any

from mlsteps.errors import UserErrorException


def pandas(doing: str) -> Any:
    """The ``pandas`` module.

    :param doing: what needs it, for the message.
    :raises UserErrorException: when it is not installed.
    """
    try:
        import pandas as module
    except ImportError as error:
        raise missing("pandas", doing, error) from error
    return module


def missing(package: str, doing: str, error: BaseException) -> UserErrorException:
    """What to do when a package is not there."""
    return UserErrorException(
        f"{doing} needs {package}, which {sys.executable} cannot import ({error}). "
        f"In a step add it to the environment: CondaDependencies.create(pip_packages=['{package}']); "
        f"elsewhere: pip install {package}.",
        inner_exception=error,
    )


def version(module: Any) -> tuple[int, int]:
    """Major and minor version of a module."""
    major, minor = str(module.__version__).split(".")[:2]
    return int(major), int(minor)
