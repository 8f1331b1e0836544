"""``airflow mlsteps environment list | map``: which names there are, and what curated ones stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.cli.shared import command, print_rows, reference
from mlsteps.environments.azureml_packages import is_sdk_package
from mlsteps.environments.pip_options import redact
from mlsteps.errors import UserErrorException
from mlsteps.registry.curated import map_curated, mappings, unmap_curated
from mlsteps.registry.documents import list_environments
from mlsteps.registry.workspaces import open_workspace
from mlsteps.sdk import curated

if TYPE_CHECKING:
    from argparse import Namespace


@command
def environment_list(args: Namespace) -> None:
    """Print the environments of a workspace, and what curated names stand for there."""
    ws = open_workspace(reference(args.workspace))
    registered = list_environments(ws)
    try:
        documents = {name: found for name, found in curated.documents(ws).items() if name not in registered}
    except UserErrorException as error:
        raise SystemExit(str(error)) from error
    rows = [_row(name, document, "registered") for name, document in registered.items()]
    rows += [
        {**_row(name, {}, "mapping"), "made_of": said["environment"] + (":" + said.get("version", "")).rstrip(":")}
        for name, said in mappings(ws).items()
    ]
    rows += [
        _row(name, document, "mapped" if "version" in document else "curated") for name, document in documents.items()
    ]
    print_rows(rows, args.output)


@command
def environment_map(args: Namespace) -> None:
    """Say which registered environment a curated name, or several by ``*``, stands for."""
    ws = open_workspace(reference(args.workspace))
    if not curated.is_curated(args.name):
        raise SystemExit(f"{args.name!r} is no curated name: those begin with {curated.PREFIX}. Register it instead.")
    if args.remove:
        if not unmap_curated(ws, args.name):
            raise SystemExit(f"The workspace at {ws.root} says nothing of {args.name!r}.")
        return
    if not args.environment:
        raise SystemExit("Name the registered environment that it stands for, or --remove.")
    try:
        said = map_curated(ws, args.name, args.environment, args.version)
    except UserErrorException as error:
        raise SystemExit(str(error)) from error
    print_rows([{"version": "latest", **said}], args.output)


def _row(name: str, document: Mapping[str, Any], kind: str) -> dict[str, Any]:
    texts = list(_packages(document))
    python = next((text for text in texts if text.startswith("python")), "")
    return {
        "environment": name,
        "version": document.get("version") or "",
        "kind": kind,
        "python": python[len("python") :].lstrip("= "),
        "made_of": ", ".join(dict.fromkeys(_short(text, kind) for text in texts if text != python)),
    }


def _packages(document: Mapping[str, Any]) -> list[str]:
    """What an environment installs, without options and what mlsteps provides."""
    items = ((document.get("python") or {}).get("conda") or {}).get("dependencies") or []
    texts = [str(item) for item in items if not isinstance(item, Mapping)]
    texts += [str(line) for item in items if isinstance(item, Mapping) for line in item.get("pip") or []]
    return [redact(text) for text in texts if not text.startswith("-") and not is_sdk_package(text)]


def _short(text: str, kind: str) -> str:
    """The pins of a curated environment differ with the Python: its names are enough here."""
    return text.partition("==")[0] if kind == "curated" else text
