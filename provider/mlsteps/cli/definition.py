"""``airflow mlsteps ...``: what the commands are called. Every Airflow command loads this module: it stays light."""

from __future__ import annotations

from typing import Any


def get_cli_commands() -> list[Any]:
    """The command groups of this provider."""
    from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ActionCommand, Arg, GroupCommand, lazy_load_command

    def action(name: str, summary: str, *arguments: Arg) -> ActionCommand:
        function = lazy_load_command(f"mlsteps.cli.airflow_commands.{name}")
        return ActionCommand(name=name, help=summary, func=function, args=(*arguments, ARG_OUTPUT, ARG_VERBOSE))

    dag_id = Arg(("dag_id",), help="Id of a DAG that was made from a pipeline")  # type: ignore[no-untyped-call]
    step = Arg(("step",), help="Id or name of a step")  # type: ignore[no-untyped-call]
    conf = Arg(("-c", "--conf"), help="JSON: parameters, as a trigger of the DAG would give them", default=None)  # type: ignore[no-untyped-call]
    bundle = Arg(("-B", "--bundle-name"), help="DAG bundle to look in; all of them by default", action="append")  # type: ignore[no-untyped-call]
    workspace = Arg(
        ("workspace",), help="Name or root of a workspace, or id of a connection; all when left out", nargs="?"
    )
    commands = (
        action("plan", "Which steps of a pipeline would run now, which would be reused, and why", dag_id, conf, bundle),
        action(
            "explain", "Why one step would run or be reused now, component by component", dag_id, step, conf, bundle
        ),
        action("workspace", "What a workspace holds", workspace),
    )
    return [GroupCommand(name="mlsteps", help="Azure ML SDK v1 pipelines", subcommands=commands)]
