"""``pipelines export``: a graph as JSON, or as the YAML that ``Pipeline.load_yaml`` reads."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from mlsteps.cli import chosen
from mlsteps.cli.answers import say
from mlsteps.cli.exit_codes import OK
from mlsteps.cli.places import workspace_of
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import InvalidInput
from mlsteps.registry.graphs import document_of

if TYPE_CHECKING:
    from argparse import Namespace


def export(args: Namespace) -> int:
    """Write a pipeline."""
    workspace = workspace_of(args)
    graph = chosen.graph(workspace, args.pipeline)
    if args.format == "json":
        if args.directory:
            raise InvalidInput("--directory is given for JSON", expected="--file, or --format yaml")
        _write_json(graph, args.file)
        return OK
    if not args.directory or args.file:
        raise InvalidInput("YAML names folders of sources", expected="--directory: a new or empty folder for all of it")
    from mlsteps.cli.graph_yaml import write

    say(write(graph, workspace._store(), args.directory))
    return OK


def _write_json(graph: PipelineGraph, path: str | None) -> None:
    text = json.dumps(document_of(graph), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if path is None:
        say(text, end="")
        return
    with open(f"{path}.partial", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.partial", path)
