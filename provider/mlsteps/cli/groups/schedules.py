"""``schedules list | show | enable | disable | runs``."""

from __future__ import annotations

from mlsteps.cli.grammar import Command, Group, argument

_MODULE = "mlsteps.cli.commands.schedules"
_WHICH = argument(
    "schedule", help="Id, first digits of the id, or name of a schedule", completer="mlsteps.cli.completion:schedules"
)

SCHEDULES = Group(
    "schedules",
    "Schedules of published pipelines",
    (
        Command(
            "list",
            "Schedules, newest first",
            f"{_MODULE}:list_",
            (argument("-a", "--all", action="store_true", help="Disabled ones, too"),),
        ),
        Command("show", "One schedule, and when it fires next", f"{_MODULE}:show", (_WHICH,)),
        Command("enable", "Let a schedule fire from now on", f"{_MODULE}:enable", (_WHICH,)),
        Command("disable", "Let a schedule fire no more; runs go on", f"{_MODULE}:disable", (_WHICH,)),
        Command(
            "runs",
            "The runs that a schedule has started, newest first",
            f"{_MODULE}:runs",
            (_WHICH, argument("-n", "--limit", type=int, default=20, help="How many; 0: all (default: 20)")),
        ),
    ),
)
