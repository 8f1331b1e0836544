"""Calls of ``uv``, the tool that makes virtual environments."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Mapping, NamedTuple, Sequence

from mlsteps.environments.pip_options import redact
from mlsteps.errors import RunConfigurationException

#: pip's variables and the ones uv reads in their place: a machine set up for pip needs no second set-up.
_FROM_PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_NO_INDEX": "UV_NO_INDEX",
    "PIP_CONSTRAINT": "UV_CONSTRAINT",
    "PIP_CERT": "SSL_CERT_FILE",
}
#: pip separates the items of a list by blanks, and so does uv, but for these.
_BY_COMMAS = ("UV_FIND_LINKS",)


class Answer(NamedTuple):
    """How a call ended: exit ``code``, standard ``output``, and ``errors``, credentials of URLs left out."""

    code: int
    output: str
    errors: str


def binary() -> str:
    """Path of ``uv``: the one that the ``uv`` package ships, else the one on ``PATH``.

    :raises RunConfigurationException: when there is none.
    """
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise RunConfigurationException(
            "uv, which makes the environments of steps, is not installed. To mend it: pip install uv, or give steps an "
            "interpreter of their own with user_managed_dependencies."
        )
    return found


def run(
    arguments: Sequence[str],
    *,
    text: str = "",
    folder: str | None = None,
    timeout: float | None = 60,
    lock: int | None = None,
) -> Answer:
    """Call ``uv`` with ``arguments``, ``text`` on its standard input; a call that is interrupted takes ``uv`` with it.

    :param folder: working directory; uv reads a project's settings from there, so it is never the caller's own.
    :param timeout: seconds; None waits. A call that takes longer ends with code 124.
    :param lock: descriptor of a locked file that uv shall hold too, so that the lock outlives a caller that is killed.
    """
    command = [binary(), "--no-progress", "--color", "never", *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder or os.path.sep,
        env=environment(os.environ),
        pass_fds=() if lock is None else (lock,),
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        output, errors = process.communicate(text, timeout=timeout)
    except subprocess.TimeoutExpired:
        return Answer(124, "", f"uv {arguments[0]} did not end within {timeout:g} s")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return Answer(process.returncode, redact(output), redact(errors))


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables for ``uv``: the given ones, pip's taken over where uv's own are not set."""
    answer = {name: value for name, value in variables.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    for ours, theirs in _FROM_PIP.items():
        if answer.get(ours) and not answer.get(theirs):
            answer[theirs] = ",".join(answer[ours].split()) if theirs in _BY_COMMAS else answer[ours]
    return answer
