"""What all ``airflow mlsteps`` commands share."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from airflow.cli.simple_table import AirflowConsole
from airflow.utils.cli import action_cli, suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from mlsteps.cli.exit_codes import exit_code
from mlsteps.cli.places import named, use_airflow
from mlsteps.errors import AzureMLException

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.cli import grammar

Command = Callable[["Namespace"], None]
_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


def command(function: Command) -> Command:
    """What Airflow's own commands are wrapped in."""
    wrapped = suppress_logs_and_warning(providers_configuration_loaded(_beside_the_database(function)))
    return cast(Command, action_cli(check_db=False)(wrapped))  # type: ignore[no-untyped-call]


def _beside_the_database(function: Command) -> Command:
    """Airflow's command line is for machines that reach its database, as ``airflow connections`` does; connections that
    lie there are found only by a process that says what it is, in this variable."""

    @wraps(function)
    def call(arguments: Namespace) -> None:
        before = os.environ.get(_CONTEXT)
        os.environ[_CONTEXT] = "server"
        try:
            function(arguments)
        finally:
            os.environ.pop(_CONTEXT)
            if before is not None:
                os.environ[_CONTEXT] = before

    return call


def run_in_airflow(given: grammar.Command, arguments: Namespace) -> None:
    """Run a command that ``mlsteps`` has, too, with Airflow's connections at hand.

    :raises SystemExit: for every exit code but 0.
    """

    @command
    def call(arguments: Namespace) -> None:
        use_airflow()
        try:
            code = given.load()(arguments)
        except AzureMLException as error:
            print(f"airflow mlsteps: {error}", file=sys.stderr)
            code = exit_code(error)
        if code:
            raise SystemExit(code)

    call(arguments)


def print_rows(data: list[dict[str, Any]], output: str) -> None:
    """Print in the form that ``--output`` names."""
    if output == "json":  # Airflow's own makes texts of numbers
        print(json.dumps(data, ensure_ascii=False))
    else:
        AirflowConsole().print_as(data=data, output=output)


def reference(text: str | None) -> dict[str, Any]:
    """The workspace that a connection's id, a root or a name means, as a reference; the default one for None."""
    use_airflow()
    return dict(named(text)._reference())
