"""What Airflow's UI says about a pipeline and its steps (Markdown)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlsteps.contracts.graph import InputPort, OutputPort, PipelineGraph, StepNode


def pipeline_text(graph: PipelineGraph, experiment: str, about: Iterable[str] = ()) -> str:
    """A DAG's ``doc_md``.

    :param about: lines of Markdown that follow.
    """
    lines = [graph.description or "A pipeline of the Azure ML SDK v1.", ""]
    lines.append(
        f"Experiment **{plain(experiment)}**, workspace **{plain(graph.workspace.get('name') or 'default')}**."
    )
    lines.append("")
    lines.append(
        "`plan` decides which steps have to run. Steps whose results exist already are skipped; their outputs are used."
    )
    if graph.parameters:
        lines += ["", "| parameter | type | default |", "|---|---|---|"]
        lines += [f"| {plain(item.name)} | {item.type} | `{plain(item.default)}` |" for item in graph.parameters]
    for line in about:
        lines += ["", line]
    return "\n".join(lines)


def step_text(node: StepNode) -> str:
    """A task's ``doc_md``; kept short, as every parse of the DAG writes it."""
    what = node.script or (argument_text(node.command) if isinstance(node.command, str) else _command(node.command))
    lines = [f"{node.type} `{plain(' '.join([what, *map(argument_text, node.arguments)]).strip())}`"]
    if node.inputs:
        lines.append("\nReads " + ", ".join(map(_input, node.inputs)) + ".")
    if node.outputs:
        lines.append("\nWrites " + ", ".join(map(_output, node.outputs)) + ".")
    if not node.allow_reuse:
        lines.append("\nAlways runs: reuse is off.")
    return "\n".join(lines)


def argument_text(argument: Any) -> str:
    """An argument as a person reads it: ``{prepared}`` for an input or output, ``{params.rate}`` for a parameter."""
    if not isinstance(argument, dict):
        return str(argument)
    ((kind, value),) = argument.items()
    if kind == "join":
        return "".join(map(argument_text, value))
    return f"{{params.{value}}}" if kind == "parameter" else f"{{{value}}}"


def _command(command: Iterable[Any] | None) -> str:
    return " ".join(map(argument_text, command or ()))


def _input(port: InputPort) -> str:
    source = port.source
    if "step" in source:
        return f"`{plain(port.name)}` from {plain(source['step'])}"
    for kind in ("registered", "parameter", "datapath", "dataset"):
        if kind in source:
            return f"`{plain(port.name)}` ({kind})"
    return f"`{plain(port.name)}`"


def _output(port: OutputPort) -> str:
    name = f"`{plain(port.name)}`"
    return f"{name}, registered as `{plain(port.register['name'])}`" if port.register else name


def plain(text: Any) -> str:
    return str(text).replace("`", "'").replace("|", "\\|").replace("\n", " ")
