"""``datasets list | show | versions | download``."""

from __future__ import annotations

from mlsteps.cli.grammar import Command, Group, argument

_MODULE = "mlsteps.cli.commands.datasets"
_NAME = argument("name", help="Name of a registered dataset", completer="mlsteps.cli.completion:datasets")
_WHICH = argument(
    "name",
    help="NAME or NAME:VERSION; the latest version when none is said",
    completer="mlsteps.cli.completion:datasets",
)

DATASETS = Group(
    "datasets",
    "Registered datasets",
    (
        Command("list", "Registered datasets with their latest versions", f"{_MODULE}:list_"),
        Command("show", "One version of a dataset: what it is made of, who made it", f"{_MODULE}:show", (_WHICH,)),
        Command("versions", "The versions of a dataset", f"{_MODULE}:versions", (_NAME,)),
        Command(
            "download",
            "Copy a dataset's files into a folder",
            f"{_MODULE}:download",
            (
                _WHICH,
                argument("-d", "--directory", default=".", help="default: the current folder"),
                argument("--overwrite", action="store_true", help="Replace files that are there"),
            ),
        ),
    ),
)
