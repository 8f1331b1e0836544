"""``airflow mlsteps ...``: what the commands are called. Every Airflow command loads this module: it stays light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsteps.cli.grammar import airflow_group, airflow_json
from mlsteps.cli.groups import GROUPS

if TYPE_CHECKING:
    from airflow.cli.cli_config import Arg


def get_cli_commands() -> list[Any]:
    """The command groups of this provider."""
    from airflow.cli.cli_config import GroupCommand

    dag_id = _argument("dag_id", help="Id of a DAG that was made from a pipeline")
    step = _argument("step", help="Id or name of a step; all of them when left out", nargs="?")
    run_id = _argument("-r", "--run-id", help="A DAG run's id; the newest run when left out")
    now = _argument("--now", help="What a run would do if it began now", action="store_true")
    conf = _argument("-c", "--conf", help="JSON: parameters, as a trigger of the DAG would give them")
    bundle = _argument("-B", "--bundle-name", help="DAG bundle to look in; all of them by default", action="append")
    group = _argument(
        "-g", "--group", help="Task group of the pipeline, in a DAG that holds several", dest="task_group"
    )
    commands = (
        _action("plan", "Which steps would run now, which would be reused, and why", dag_id, conf, bundle, group),
        _action("explain", "Why steps ran or were reused", dag_id, step, run_id, now, conf, bundle, group),
        _gc(),
        _compute(),
        _environment(bundle, group),
        *map(airflow_group, GROUPS),
    )
    return [GroupCommand(name="mlsteps", help="Azure ML SDK v1 pipelines", subcommands=commands)]


def _gc() -> Any:
    which = "Name or root of the workspace, or id of a connection; the default one when left out"
    arguments = (
        _argument("-w", "--workspace", help=which),
        _argument("--older-than", help="How long not made and not reused: 30d, 12h, 45m", default="30d"),
        _argument("--apply", "--yes", help="Delete; without it the plan is shown", action="store_true"),
        _argument("--all", help="Show also what is kept, and why", action="store_true"),
    )
    return _action("gc", "Delete intermediate outputs that nobody needs", *arguments, function="mlsteps.cli.gc.gc")


def _compute() -> Any:
    from airflow.cli.cli_config import GroupCommand

    which = "Name or root of the workspace, or id of a connection; the default one when left out"
    workspace = _argument("-w", "--workspace", help=which)
    name = _argument("name", help="Name of the compute target; '*' for all that are not named, and for steps without")
    changes = (
        _argument("-k", "--kind", help="local, docker or kubernetes, or a service's"),
        _argument("-p", "--option", help="name=value of the kind, may be repeated; name= forgets it", action="append"),
        _argument("--pool", help="Airflow pool of its steps; made when it is not there"),
        _argument("--slots", help="Size of the pool; the target's max_nodes when left out", type=int),
        _argument("--queue", help="Airflow queue of its steps"),
        _argument("--executor", help="Airflow executor of its steps"),
        _argument("--remove", help="Forget what was set", action="store_true"),
    )
    module = "mlsteps.cli.compute_commands"
    commands = (
        _action("list", "Compute targets, and where their steps run", workspace, function=f"{module}.compute_list"),
        _action("show", "One compute target", name, workspace, function=f"{module}.compute_show"),
        _action("set", "Where its steps run", name, *changes, workspace, function=f"{module}.compute_set"),
        _action(
            "manifest",
            "The pod of its steps, for kubectl apply --dry-run=server -f -",
            name,
            _argument("--nodes", help="Of a step on several nodes: the Job and its Service", type=int, default=1),
            _argument("--image", help="Default what the target says"),
            workspace,
            function="mlsteps.cli.manifest_command.compute_manifest",
        ),
    )
    return GroupCommand(name="compute", help="Where the steps of compute targets run", subcommands=commands)


def _environment(bundle: Arg, group: Arg) -> Any:
    from airflow.cli.cli_config import GroupCommand

    which = "Name or root of the workspace, or id of a connection; the default one when left out"
    compute = _argument("--compute", help="Compute target that it is for; those that its steps name when left out")
    chosen = (
        _argument("name", help="Name of the environment; all of a DAG's when left out", nargs="?"),
        _argument("--version", help="Version of a registered environment; the latest when left out"),
        _argument("-d", "--dag-id", help="A DAG that was made from a pipeline: the environments of its steps"),
        compute,
        _argument("-w", "--workspace", help=which),
        bundle,
        group,
    )
    days = _argument("--days", help="How long nobody has used it", type=float, default=30.0)
    module = "mlsteps.cli.environment_commands"
    commands = (
        *_environment_names(_argument("-w", "--workspace", help=which)),
        _action("build", "Make environments ready ahead of steps", *chosen, function=f"{module}.environment_build"),
        _action("show", "What they are made of", *chosen, function=f"{module}.environment_show"),
        _action(
            "prune",
            "Remove what nobody has used for long",
            days,
            compute,
            _argument("-w", "--workspace", help=which),
            function=f"{module}.environment_prune",
        ),
    )
    return GroupCommand(name="environment", help="Environments of steps", subcommands=commands)


def _environment_names(workspace: Arg) -> tuple[Any, ...]:
    name = _argument("name", help="A curated name (AzureML-...), or several by *")
    of = _argument("environment", help="The registered environment that it stands for", nargs="?")
    version = _argument("--version", help="Its version; the latest when left out")
    remove = _argument("--remove", help="Forget what was said", action="store_true")
    module = "mlsteps.cli.environment_names"
    return (
        _action(
            "list", "Environments, and what curated names stand for", workspace, function=f"{module}.environment_list"
        ),
        _action(
            "map",
            "Let a curated name stand for an environment of the workspace",
            *(name, of, version, remove, workspace),
            function=f"{module}.environment_map",
        ),
    )


def _argument(*flags: str, **options: Any) -> Arg:
    from airflow.cli.cli_config import Arg

    return Arg(flags, **options)  # type: ignore[no-untyped-call]


def _action(name: str, summary: str, *arguments: Arg, function: str = "") -> Any:
    from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ActionCommand, lazy_load_command

    called = lazy_load_command(function or f"mlsteps.cli.airflow_commands.{name}")
    return ActionCommand(
        name=name, help=summary, func=called, args=(*arguments, ARG_OUTPUT, airflow_json(), ARG_VERBOSE)
    )
