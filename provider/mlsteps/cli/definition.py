"""``airflow mlsteps ...``: what the commands are called. Every Airflow command loads this module: it stays light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    which = "Name or root of a workspace, or id of a connection; local workspaces are listed when left out"
    commands = (
        _action("plan", "Which steps would run now, which would be reused, and why", dag_id, conf, bundle),
        _action("explain", "Why steps ran or were reused", dag_id, step, run_id, now, conf, bundle),
        _action("workspace", "What a workspace holds", _argument("workspace", help=which, nargs="?")),
    )
    return [GroupCommand(name="mlsteps", help="Azure ML SDK v1 pipelines", subcommands=commands)]


def _argument(*flags: str, **options: Any) -> Arg:
    from airflow.cli.cli_config import Arg

    return Arg(flags, **options)  # type: ignore[no-untyped-call]


def _action(name: str, summary: str, *arguments: Arg) -> Any:
    from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ActionCommand, lazy_load_command

    function = lazy_load_command(f"mlsteps.cli.airflow_commands.{name}")
    return ActionCommand(name=name, help=summary, func=function, args=(*arguments, ARG_OUTPUT, ARG_VERBOSE))
