"""``models list | show | versions | download``."""

from __future__ import annotations

from mlsteps.cli.grammar import Command, Group, argument

_MODULE = "mlsteps.cli.commands.models"
_NAME = argument("name", help="Name of a registered model", completer="mlsteps.cli.completion:models")
_WHICH = argument(
    "name", help="NAME or NAME:VERSION; the latest version when none is said", completer="mlsteps.cli.completion:models"
)

MODELS = Group(
    "models",
    "Registered models",
    (
        Command("list", "Registered models with their latest versions", f"{_MODULE}:list_"),
        Command("show", "One version of a model: files, tags, the run that made it", f"{_MODULE}:show", (_WHICH,)),
        Command("versions", "The versions of a model", f"{_MODULE}:versions", (_NAME,)),
        Command(
            "download",
            "Copy a model's files into a folder",
            f"{_MODULE}:download",
            (
                _WHICH,
                argument("-d", "--directory", default=".", help="default: the current folder"),
                argument("--overwrite", action="store_true", help="Replace files that are there"),
            ),
        ),
    ),
)
