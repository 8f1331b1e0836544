"""The Python of a step on a machine that is reached by SSH: one that is there, or an environment that ``uv`` makes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.compute.base import Report
from mlsteps.compute.ssh_host import Host
from mlsteps.contracts.codec import digest_of
from mlsteps.environments import conda_solver, uv_tool
from mlsteps.environments.pip_options import redact
from mlsteps.errors import RunConfigurationException
from mlsteps.registry.index_credentials import bare, missing, signed

if TYPE_CHECKING:
    from paramiko import SSHClient


def python_named(environment: Mapping[str, Any] | None, default: str) -> str:
    """The Python that is there already and that everything is run with: the environment's own where it names one.

    :param default: what the compute target says.
    """
    section = (environment or {}).get("python") or {}
    named = str(section.get("interpreter_path") or "python") if section.get("user_managed_dependencies") else "python"
    return default if named == "python" else named


def made(
    host: Host, client: SSHClient, said: Mapping[str, Any], folder: str, document: Mapping[str, Any], report: Report
) -> str:
    """The Python of an environment, made there when it is not there yet.

    :param said: what the machine says of itself; :param folder: where mlsteps keeps things there.
    :raises RunConfigurationException: when it cannot be made.
    """
    plan = conda_solver.plan((document.get("python") or {}).get("conda"))
    if plan.conda:
        raise RunConfigurationException(
            f"The environment {document.get('name')!r} wants packages of conda channels ({', '.join(plan.conda)}), "
            f"which are not installed on {host.name}. Expected packages of pip, or user_managed_dependencies with an "
            "interpreter_path that is there."
        )
    for note in plan.notes:
        report(note)
    version = "{}.{}".format(*said["version"])
    wanted = {
        "python": plan.python or f"=={version}.*",
        "requirements": sorted(map(bare, plan.requirements)),
        "options": [bare(option) for option in (*plan.lines, *plan.flags)],
    }
    path = f"{folder}/environments/{digest_of(wanted)[:32]}"
    uv = said["uv"] or _delivered(host, client, said, folder, report)
    report(f"environment {os.path.basename(path)} on {host.name}: {len(plan.requirements)} requirements")
    told = {
        "folder": path,
        "uv": uv,
        "python": plan.python or said["path"],
        "flags": ["--index-strategy", "unsafe-best-match", *plan.flags],
        "lines": [signed(line) for line in (*plan.lines, *plan.requirements)] if plan.requirements else [],
    }
    answer = host.ask(client, "", "environment", told)
    if answer["errors"]:
        tail = "\n".join(redact(line) for line in answer["errors"].splitlines()[-25:])
        words = f"{tail}{missing((*plan.lines, *plan.requirements))}"
        raise RunConfigurationException(f"The environment could not be made on {host.name}. uv said:\n{words}")
    return str(answer["python"])


def _delivered(host: Host, client: SSHClient, said: Mapping[str, Any], folder: str, report: Report) -> str:
    """``uv`` of the worker, where it runs there, too."""
    if (said["machine"], bool(said["libc"])) != (platform.machine(), bool(platform.libc_ver()[0])):
        raise RunConfigurationException(
            f"{host.name} has no uv, which makes the environments of steps, and that of this worker does not run "
            "there. Install uv there, or name an interpreter that is there with user_managed_dependencies."
        )
    binary = uv_tool.binary()
    size = os.path.getsize(binary)
    path = f"{folder}/bin/uv-{size}"
    with host.told("takes no files"), client.open_sftp() as files:
        try:
            if files.stat(path).st_size == size:
                return path
        except FileNotFoundError:
            pass
        report(f"bringing uv to {host.name}")
        for parent in (folder, f"{folder}/bin"):
            try:
                files.stat(parent)
            except FileNotFoundError:
                files.mkdir(parent, 0o700)
        files.put(binary, f"{path}.{os.getpid()}")
        files.chmod(f"{path}.{os.getpid()}", 0o700)
        files.posix_rename(f"{path}.{os.getpid()}", path)
    return path
