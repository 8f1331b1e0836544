"""``airflow mlsteps environment build | show | prune``: environments of steps, made ahead of them and looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mlsteps.cli.shared import command, print_rows, reference
from mlsteps.compute.choose import choose, placement_of
from mlsteps.compute.placement import DockerOptions, options_of
from mlsteps.environments import conda_solver, unused, virtual, wheels
from mlsteps.environments.pip_options import redact
from mlsteps.errors import AzureMLException
from mlsteps.hooks.mlsteps import resolve_reference
from mlsteps.registry.documents import get_environment, list_environments
from mlsteps.registry.workspaces import open_workspace

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.storage.workspace_store import WorkspaceStore


class Wanted(NamedTuple):
    """An environment, and the compute target that it is for."""

    ws: WorkspaceStore
    name: str
    document: Mapping[str, Any]
    compute: str | None

    def here(self) -> Mapping[str, Any]:
        """The document, with the workspace's own wheels on this machine."""
        return _told(wheels.brought, self.document, self.ws) or {}


@command
def environment_build(args: Namespace) -> None:
    """Make environments ready, so that no step has to wait for them."""
    rows = []
    for item in _wanted(args):
        print(f"{item.name} for {item.compute or 'steps without a compute target'}")
        python = _told(choose(item.ws, item.compute, {}).prepare, item.here(), _say)
        rows.append({"environment": item.name, "compute": item.compute or "", "python": python})
    print_rows(rows, args.output)


@command
def environment_show(args: Namespace) -> None:
    """Print what environments are made of, and whether they are there."""
    rows = [_told(_shown, item) for item in _wanted(args)]
    if args.output != "table":
        print_rows(rows, args.output)
        return
    for row in rows:
        text = row.pop("dockerfile", "") or row.pop("requirements", "")
        print_rows([row], "table")
        print(text.rstrip() + "\n")


@command
def environment_prune(args: Namespace) -> None:
    """Remove what no step has used for some days: virtual environments, drivers, images that were built here."""
    rows = [{"removed": path} for path in unused.prune(args.days)]
    ws = open_workspace(reference(args.workspace))
    options = _told(options_of, placement_of(ws, args.compute))
    if isinstance(options, DockerOptions):
        from mlsteps.compute import docker_build
        from mlsteps.compute.docker_engine import Engine

        engine = Engine(options)
        rows += [{"removed": name} for name in _told(docker_build.prune, engine, args.days)]
        engine.close()
    print_rows(rows, args.output)


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def _told(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a call answers; an error of ours ends the command with its message."""
    try:
        return work(*arguments)
    except AzureMLException as error:
        raise SystemExit(error.message) from error


def _wanted(args: Namespace) -> Iterator[Wanted]:
    """The environments that the arguments name, each once for each compute target."""
    if not args.name and not args.dag_id:
        raise SystemExit("Name an environment, or a DAG with --dag-id for all of its own.")
    if args.dag_id:
        yield from _of_dag(args)
        return
    ws = open_workspace(reference(args.workspace))
    yield Wanted(ws, args.name, _registered(ws, args.name, args.version), args.compute)


def _registered(ws: WorkspaceStore, name: str, version: str | None) -> Mapping[str, Any]:
    from mlsteps.sdk import curated

    found = get_environment(ws, name, version)
    if found is None and version is None and curated.is_curated(name):
        found = _told(curated.document, ws, name)
    if found is None:
        known = ", ".join(sorted(list_environments(ws))) or "none"
        raise SystemExit(f"No environment {name!r} is registered in the workspace at {ws.root}. There are: {known}.")
    return found


def _of_dag(args: Namespace) -> Iterator[Wanted]:
    from mlsteps.cli.dags import plan_task

    task = plan_task(args.dag_id, args.bundle_name, args.task_group)
    graph = task.pipeline()
    ws = open_workspace(resolve_reference(graph.workspace, task.mlsteps_conn_id))
    seen = set()
    for node in graph.steps:
        document = graph.environments.get(node.environment or "") or {}
        name = str(document.get("name") or node.environment or "default")
        compute = args.compute or node.compute.get("name")
        if (node.environment, compute) not in seen and args.name in (None, name):
            seen.add((node.environment, compute))
            yield Wanted(ws, name, document, compute)
    if not seen:
        raise SystemExit(f"No step of DAG {args.dag_id!r} uses an environment {args.name!r}.")


def _shown(item: Wanted) -> dict[str, Any]:
    options = options_of(placement_of(item.ws, item.compute))
    row = {"environment": item.name, "compute": item.compute or ""}
    if isinstance(options, DockerOptions):
        from mlsteps.compute import docker_build, docker_image
        from mlsteps.compute.docker_engine import Engine

        plan = docker_build.plan(options, item.here())
        engine = Engine(options)
        found = docker_image.find(engine, plan.name if plan.digest else plan.base)
        engine.close()
        name = plan.name if plan.digest else plan.base
        return {**row, "image": name, "is_there": found is not None, "dockerfile": plan.dockerfile}
    section = item.document.get("python") or {}
    if section.get("user_managed_dependencies"):
        return {**row, "python": virtual.user_managed(str(section.get("interpreter_path") or "python"))}
    folder = virtual.folder_of(item.here())
    pip = conda_solver.plan(section.get("conda"))
    requirements = "\n".join(map(redact, (*pip.conda, *pip.lines, *pip.requirements)))
    row["python"] = pip.python
    return {**row, "folder": folder, "is_there": virtual.is_whole(folder), "requirements": requirements}
