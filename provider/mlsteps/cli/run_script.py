"""``mlsteps run``: an SDK script as ``python script.py`` would run it, with ``import azureml`` meaning mlsteps."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
import urllib.request  # noqa: F401  (notebooks say `import urllib` and use urllib.request, which their kernel has loaded)
from types import TracebackType
from typing import Sequence

from mlsteps.errors import InvalidInput


def run_script(script: str, arguments: Sequence[str]) -> int:
    """Run a script as ``__main__``, with its own ``sys.argv`` and its folder first on ``sys.path``.

    :returns: 0, or 1 when the script ended with an exception, which is printed as Python prints it.
    :raises SystemExit: when the script does.
    :raises InvalidInput: when there is no such file, or it is a notebook.
    """
    _check(script)
    # As Python does it: the script's folder takes the place of the command's own, and comes first.
    folder = os.path.dirname(os.path.realpath(script))
    del sys.path[:1]
    import mlsteps.azureml  # noqa: F401  (puts the package `azureml` on the path)

    sys.path.insert(0, folder)
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:  # whatever the script raises is reported, as it would be without us
        frames = _from(script, error.__traceback__)
        # What Python itself sets for an exception that nobody caught; debuggers and exit handlers look there.
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, frames
        traceback.print_exception(type(error), error, frames)
        return 1
    return 0


def _check(script: str) -> None:
    if script.endswith(".ipynb"):
        raise InvalidInput(
            f"{script} is a notebook",
            expected="a Python file",
            mend=f"jupyter nbconvert --to script {script}, then run the .py file it makes",
        )
    if not os.path.isfile(script):
        raise InvalidInput(f"There is no file {script!r}", expected="a Python file")


def _from(script: str, frames: TracebackType | None) -> TracebackType | None:
    """The traceback from the script's own first frame on; all of it for an error before that (a SyntaxError)."""
    first = frames
    while first is not None and first.tb_frame.f_code.co_filename != script:
        first = first.tb_next
    return first or frames
