"""What commands are called: plain data, from which both ``mlsteps`` and ``airflow mlsteps`` make their parsers.

Nothing is loaded here: every Airflow command reads these definitions, and a command's own code only when it is called.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.cli.cli_config import Arg

Call = Callable[[argparse.Namespace], int]
FORMATS = ("table", "json", "yaml", "plain")


@dataclass(frozen=True)
class Argument:
    """An argument of a command, as ``argparse`` has it.

    :param completer: ``module:function`` that answers what a shell may complete, or empty.
    """

    flags: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    completer: str = ""


@dataclass(frozen=True)
class Command:
    """A command.

    :param function: ``module:function``; it gets the parsed arguments and answers the exit code.
    :param reads: whether it prints what ``--json`` and ``--output`` give a form to.
    """

    name: str
    summary: str
    function: str
    arguments: tuple[Argument, ...] = ()
    reads: bool = True

    def load(self) -> Call:
        """The function."""
        call: Call = _named(self.function)
        return call


@dataclass(frozen=True)
class Group:
    """Commands about one thing."""

    name: str
    summary: str
    commands: tuple[Command, ...]


def argument(*flags: str, completer: str = "", **options: Any) -> Argument:
    """An argument; ``options`` as ``ArgumentParser.add_argument`` takes them."""
    return Argument(flags, options, completer)


WORKSPACE = argument(
    "-w",
    "--workspace",
    help="Name or root of the workspace, or id of its connection (mlsteps_...); by default the one of config.json, "
    "else the default one",
    completer="mlsteps.cli.completion:workspaces",
)
_OUTPUT = argument(
    "-o",
    "--output",
    choices=FORMATS,
    default=FORMATS[0],
    metavar="FORMAT",
    help=f"{', '.join(FORMATS)} (default: {FORMATS[0]})",
)
_JSON = argument(
    "--json", action="store_const", const="json", dest="output", default=argparse.SUPPRESS, help="--output json"
)


def add_group(commands: argparse._SubParsersAction[argparse.ArgumentParser], group: Group) -> None:
    """Add a group to the parser of ``mlsteps``."""
    parser = commands.add_parser(group.name, help=group.summary, description=group.summary)
    inner = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in group.commands:
        made = inner.add_parser(command.name, help=command.summary, description=command.summary)
        for item in arguments_of(command):
            _add(made, item)
        made.set_defaults(command=lambda options, command=command: command.load()(options))


def _add(parser: argparse.ArgumentParser, item: Argument) -> None:
    action = parser.add_argument(*item.flags, **item.options)
    if item.completer:
        action.completer = _Completer(item.completer)  # type: ignore[attr-defined]  # argcomplete looks for it


class _Completer:
    """Loads what completes an argument when a shell asks."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __call__(self, parsed_args: argparse.Namespace, **kwargs: Any) -> Iterable[str]:
        found: Iterable[str] = _named(self._place)(parsed_args)
        return found


def airflow_group(group: Group) -> Any:
    """The group as ``airflow mlsteps`` has it."""
    from airflow.cli.cli_config import ARG_VERBOSE, ActionCommand, GroupCommand

    made = [
        ActionCommand(
            name=command.name,
            help=command.summary,
            func=_airflow_function(command),
            args=(*(_arg(item) for item in arguments_of(command)), ARG_VERBOSE),
        )
        for command in group.commands
    ]
    return GroupCommand(name=group.name, help=group.summary, subcommands=made)


def arguments_of(command: Command) -> list[Argument]:
    """The arguments of a command, with those that all have."""
    return [*command.arguments, WORKSPACE, *([_OUTPUT, _JSON] if command.reads else [])]


def airflow_json() -> Arg:
    """``--json``, for commands that have Airflow's ``--output``."""
    return _arg(_JSON)


def _airflow_function(command: Command) -> Callable[[argparse.Namespace], None]:
    def call(arguments: argparse.Namespace) -> None:
        from mlsteps.cli.shared import run_in_airflow

        run_in_airflow(command, arguments)

    return call


def _arg(item: Argument) -> Arg:
    from airflow.cli.cli_config import Arg

    class Completed(Arg):
        """Airflow's own has no place for a completer, nor for ``const``."""

        def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
            _add(parser, item)

    return Completed(item.flags)  # type: ignore[no-untyped-call]


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
