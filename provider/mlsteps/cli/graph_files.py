"""A pipeline's graph from a file: its JSON, the SDK's YAML, or a variable of a Python file."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import InvalidInput

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

_ENDINGS = (".json", ".yml", ".yaml")


def is_one(text: str) -> bool:
    """Whether a text names a file, there or not."""
    return text.lower().endswith(_ENDINGS) or _python(text) is not None


def read(workspace: Workspace, text: str) -> PipelineGraph:
    """The graph.

    :raises InvalidInput: when there is no such file, or it holds no pipeline.
    """
    python = _python(text)
    path = python[0] if python else text
    if not os.path.isfile(path):
        raise InvalidInput(f"There is no file {path!r}", expected="a .json, .yml or FILE.py:VARIABLE")
    if python:
        return _of_object(_variable(*python), text)
    if path.lower().endswith(".json"):
        return _of_json(path)
    from mlsteps.sdk.pipeline import Pipeline

    return Pipeline.load_yaml(workspace, path)._check()


def _python(text: str) -> tuple[str, str] | None:
    path, colon, name = text.rpartition(":")
    return (path, name) if colon and path.endswith(".py") and name.isidentifier() else None


def _of_json(path: str) -> PipelineGraph:
    try:
        with open(path, encoding="utf-8") as file:
            return PipelineGraph.from_json(json.load(file))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} holds no graph: {error}", expected="what `mlsteps pipelines export` writes"
        ) from error


def _variable(path: str, name: str) -> Any:
    """What a file calls by a name, with ``import azureml`` meaning mlsteps; the file runs, but not as ``__main__``."""
    import mlsteps.azureml  # noqa: F401

    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # whatever the file prints is no part of our answer
            found = runpy.run_path(path, run_name=os.path.splitext(os.path.basename(path))[0])
    finally:
        del sys.path[0]
    if name not in found:
        known = ", ".join(key for key, value in found.items() if hasattr(value, "_graph")) or "none"
        raise InvalidInput(f"{path} has no variable {name!r}", expected=f"a pipeline; it has {known}")
    return found[name]


def _of_object(made: Any, text: str) -> PipelineGraph:
    if hasattr(made, "_check"):
        graph: PipelineGraph = made._check()
        return graph
    planners = [task for task in getattr(made, "tasks", ()) if hasattr(task, "pipeline") and hasattr(task, "graph")]
    planners = [task for task in planners if not hasattr(task, "node")]
    if len(planners) != 1:
        raise InvalidInput(f"{text} is a {type(made).__name__}", expected="a Pipeline, or a DAG made from one")
    graph = planners[0].pipeline()
    return graph
