"""How SDK objects tell the graph builder what they are, without knowing of steps or graphs.

An object that can be read by a step has ``_input_request() -> InputRequest``; one that a step can write has
``_output_request() -> OutputRequest``. Inside a text argument an object stands as a placeholder (``str(data)``,
``config.arg_val``): ``$AZUREML_DATAREFERENCE_<name>``, ``DatasetConsumptionConfig:<name>`` or
``DatasetOutputConfig:<name>``, as in the SDK; the builder finds it again there.
"""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple

from mlsteps.contracts.graph import OutputPort


class OutputKey:
    """Identity of an output. Modifiers return new objects (``as_upload()``); all copies share one key.

    ``producers`` are the steps that declared it as theirs, the newest last: a pipeline given its last step alone finds
    the others through it.
    """

    __slots__ = ("name", "producers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.producers: List[Any] = []


class InputRequest(NamedTuple):
    """What a step wants to read; fields as in ``contracts.graph.InputPort``.

    ``source`` is a graph source (``dataset``, ``registered``, ``datapath``), or ``{"output": OutputKey}`` for another
    step's output, or ``{"parameter": PipelineParameter}``. ``name`` None: the builder gives one.
    """

    name: str | None
    source: Mapping[str, Any]
    kind: str = "reference"
    mode: str = "mount"
    path_on_compute: str | None = None
    overwrite: bool = False
    transform: Mapping[str, Any] | None = None
    variable: str | None = None


class OutputRequest(NamedTuple):
    """What a step writes: the port and the identity that consumers name."""

    port: OutputPort
    key: OutputKey


REFERENCE_PLACEHOLDER = "$AZUREML_DATAREFERENCE_"
INPUT_PLACEHOLDER = "DatasetConsumptionConfig:"
OUTPUT_PLACEHOLDER = "DatasetOutputConfig:"
