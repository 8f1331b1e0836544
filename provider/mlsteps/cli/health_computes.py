"""Whether the places where steps run are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlsteps.cli.health import Finding, fault, looked, note, ok
from mlsteps.compute.choose import placement_of
from mlsteps.compute.placement import DockerOptions, SshOptions, options_of
from mlsteps.errors import AzureMLException
from mlsteps.registry.documents import list_computes
from mlsteps.registry.placements import EVERY, list_placements

if TYPE_CHECKING:
    from mlsteps.compute.ssh_host import Host
    from mlsteps.sdk.workspace import Workspace


def computes(workspace: Workspace) -> Iterator[Finding]:
    """Each compute target, and where its steps run."""
    ws = workspace._store()
    for name in sorted({EVERY, *list_computes(ws), *list_placements(ws)}):
        placement = placement_of(ws, name)
        what = f"{'all others' if name == EVERY else name} ({placement['kind']})"
        try:
            options = options_of(placement)
        except AzureMLException as error:
            yield fault("compute", what, error, f"airflow mlsteps compute set {name} --kind ...")
            continue
        yield from _place(what, options)


def _place(what: str, options: Any) -> Iterator[Finding]:
    if isinstance(options, DockerOptions):
        yield from looked("compute", what, lambda: _docker(options), _DOCKER)
    elif isinstance(options, SshOptions):
        yield from _machine(what, options)
    elif type(options).__name__.startswith("Local"):
        yield ok("compute", what, "steps run in processes of the worker")
    else:
        yield note("compute", what, "is not looked at from here: only workers reach it")


def _machine(what: str, options: SshOptions) -> Iterator[Finding]:
    """Where the connection is known only to workers, nothing is said against it."""
    from mlsteps.compute.ssh_host import Host

    try:
        host = Host(options, options.python)
    except AzureMLException as error:
        yield note("compute", what, f"is not looked at from here: {error}")
        return
    try:
        yield from looked("compute", what, lambda: _answer(host), _SSH)
    finally:
        host.close()


_SSH = "start its SSH server, or say where it is: airflow mlsteps compute set NAME --option ssh_conn_id=..."


def _answer(host: Host) -> str:
    said = host.ask(host.another(), "", "hello")
    uv = "it has uv" if said["uv"] else "it has no uv, and gets that of a worker when one is wanted"
    return f"{host.name} answers: Python {'.'.join(map(str, said['version']))}; {uv}"


_DOCKER = "start the engine, or say where it is: airflow mlsteps compute set NAME --option docker_url=..."


def _docker(options: DockerOptions) -> str:
    from mlsteps.compute.docker_engine import Engine

    try:
        engine = Engine(options)
        try:
            return f"the engine at {engine.url} answers: {engine.client.version().get('Version')}"
        finally:
            engine.close()
    except ImportError as error:
        raise AzureMLException(f"{error}. To mend it: pip install 'airflow-provider-mlsteps[docker]'.") from error
