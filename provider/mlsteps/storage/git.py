"""What is recorded of the Git repository a source directory lies in."""

from __future__ import annotations

import os
import subprocess
from typing import Dict
from urllib.parse import urlsplit, urlunsplit

_SECONDS = 10.0


def git_properties(directory: str) -> Dict[str, str]:
    """Run properties under the SDK's names; empty without ``git``, or outside a repository.

    ``azureml.git.repository_uri`` (credentials taken out), ``.branch``, ``.commit``, ``.dirty`` (``True``/``False``)
    and the first three under MLflow's names. What cannot be told, such as the branch of a detached head, is absent.
    """
    commit = _git(directory, "rev-parse", "HEAD")
    if not commit:
        return {}
    url = _git(directory, "ls-remote", "--get-url")
    branch = _git(directory, "symbolic-ref", "--short", "HEAD")
    changes = _git(directory, "status", "--porcelain")
    found = {
        "azureml.git.repository_uri": without_credentials(url or ""),
        "mlflow.source.git.repoURL": without_credentials(url or ""),
        "azureml.git.branch": branch,
        "mlflow.source.git.branch": branch,
        "azureml.git.commit": commit,
        "mlflow.source.git.commit": commit,
        "azureml.git.dirty": None if changes is None else str(bool(changes)),
    }
    return {name: value for name, value in found.items() if value}


def without_credentials(url: str) -> str:
    """A remote's URL without password, token and query; "" for ``origin``, git's answer when there is no remote."""
    if "://" not in url:
        return url if "/" in url or ":" in url else ""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    if parts.scheme == "ssh" and user:
        host = f"{user}@{host}"  # a login name; the secret is a key
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _git(directory: str, *words: str) -> str | None:
    # The repository may be anybody's: no monitor or hook of its configuration is started, and its index is not written.
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *words]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
