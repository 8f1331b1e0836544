"""``workspace list | show | init | doctor``."""

from __future__ import annotations

from mlsteps.cli.grammar import Command, Group, argument

_MODULE = "mlsteps.cli.commands.workspace"
_WHICH = argument(
    "name",
    nargs="?",
    help="Name or root of the workspace, or id of its connection; as --workspace",
    completer="mlsteps.cli.completion:workspaces",
)

WORKSPACES = Group(
    "workspace",
    "Workspaces",
    (
        Command("list", "Workspaces on this machine and in connections", f"{_MODULE}:list_"),
        Command("show", "What a workspace holds", f"{_MODULE}:show", (_WHICH,)),
        Command(
            "init",
            "Make a workspace, and config.json that names it",
            f"{_MODULE}:init",
            (
                argument("name", help="2 to 32 letters, digits, '-' and '_'"),
                argument(
                    "--root", help="A path or any fsspec URL, s3://CONNECTION@bucket/folder; by default on this machine"
                ),
                argument("--root-conn-id", help="Airflow connection whose credentials open the root"),
                argument(
                    "--airflow-url", help="Address of the Airflow that runs its pipelines; the embedded one if none"
                ),
                argument("--subscription-id", help="What Workspace.subscription_id says"),
                argument("--resource-group", help="What Workspace.resource_group says"),
                argument(
                    "--config", metavar="FOLDER", default=".", help="Where .azureml/config.json goes (default: here)"
                ),
                argument("--no-config", action="store_true", help="Write no config.json"),
            ),
        ),
        Command(
            "doctor",
            "Check stores, compute targets, Airflow and versions; say how to mend each fault; exit code 1 for any",
            "mlsteps.cli.commands.doctor:doctor",
            (_WHICH, argument("--read-only", action="store_true", help="Do not try whether stores can be written")),
        ),
    ),
)
