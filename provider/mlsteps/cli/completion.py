"""What a shell may complete: names of the workspace that the command line so far means. Faults complete to nothing."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mlsteps.errors import AzureMLException

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

#: Runs that are offered: the newest.
_RUNS = 30
SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


def shell_code(shell: str) -> str:
    """The lines that switch completion on, for a shell's start file."""
    from argcomplete.shell_integration import shellcode

    return str(shellcode(["mlsteps"], shell=shell))


def _completer(look: Callable[[Workspace], Iterable[str]]) -> Callable[[Namespace], list[str]]:
    def complete(args: Namespace) -> list[str]:
        from mlsteps.cli.places import named

        try:
            workspace = named(getattr(args, "workspace", None))
            return sorted(set(look(workspace))) if workspace._exists() else []
        except AzureMLException:
            return []

    return complete


def _pipelines(workspace: Workspace) -> Iterable[str]:
    from mlsteps.registry import endpoints
    from mlsteps.registry import pipelines as published

    ws = workspace._store()
    yield from (item["name"] for item in endpoints.list_endpoints(ws))
    for item in published.list_published(ws):
        yield from (item["name"], item["id"])


def _runs(workspace: Workspace) -> Iterable[str]:
    from mlsteps.cli.chosen import heads

    return ["latest", *(head["id"] for head in heads(workspace._run_store())[:_RUNS])]


def _schedules(workspace: Workspace) -> Iterable[str]:
    from mlsteps.registry import schedules as registry

    for item in registry.list_schedules(workspace._store(), active_only=False):
        yield from (item["name"], item["id"])


def _names(module: str) -> Callable[[Workspace], Iterable[str]]:
    def look(workspace: Workspace) -> Any:
        from importlib import import_module

        return import_module(f"mlsteps.registry.{module}").names(workspace._store())

    return look


def workspaces(args: Namespace) -> list[str]:
    """The workspaces that are known here."""
    from mlsteps.sdk.workspace_listing import known_workspaces

    return sorted({str(reference["name"]) for reference in known_workspaces()})


pipelines = _completer(_pipelines)
runs = _completer(_runs)
schedules = _completer(_schedules)
datasets = _completer(_names("datasets"))
models = _completer(_names("models"))
experiments = _completer(lambda workspace: workspace._run_store().experiments())
