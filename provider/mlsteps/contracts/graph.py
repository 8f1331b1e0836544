"""``PipelineGraph``: what a pipeline is, as plain frozen data with a JSON form.

``sdk`` builds it, ``graph`` checks it, ``translate`` makes a DAG of it, ``reuse`` fingerprints its steps, ``publish``
stores it. A reader of these classes knows all that a pipeline can say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping

from mlsteps.contracts.codec import Document

#: Raise when a graph written by this release could be misread by the release before.
GRAPH_VERSION = 1


@dataclass(frozen=True)
class Parameter(Document):
    """A pipeline parameter.

    ``type`` is ``string``, ``int``, ``float``, ``bool``, ``datapath`` or ``dataset``. ``default`` is the plain value;
    for ``datapath`` ``{"datastore": name, "path": path}``, for ``dataset`` a dataset definition or
    ``{"registered": {"name": name, "version": "latest"}}``.
    """

    name: str
    type: str
    default: Any = None
    required: bool = False


@dataclass(frozen=True)
class InputPort(Document):
    """Something a step reads.

    :param name: unique among the step's inputs; part of no fingerprint.
    :param source: exactly one of ``{"step": id, "output": port}``, ``{"dataset": definition}``,
        ``{"registered": {"name": ..., "version": "latest" or int}}``,
        ``{"datapath": {"datastore": name, "path": path}}``, ``{"parameter": name}``.
    :param kind: ``file`` (FileDataset or output), ``tabular``, or ``reference`` (a DataReference or PipelineData).
    :param mode: ``mount``, ``download``, ``direct``, ``upload`` or ``hdfs``.
    :param transform: dataset operations applied on top of the source (see :mod:`.dataset`), e.g. a reader that turns
        an upstream file output into a table.
    :param variable: environment variable that carries the path (or the dataset's id when direct).
    """

    name: str
    source: Mapping[str, Any]
    kind: str = "reference"
    mode: str = "mount"
    path_on_compute: str | None = None
    overwrite: bool = False
    transform: Mapping[str, Any] | None = None
    variable: str | None = None


@dataclass(frozen=True)
class OutputPort(Document):
    """Something a step writes.

    :param kind: ``pipeline_data`` (folder not made for the script), ``file`` (OutputFileDatasetConfig: folder made),
        ``tabular`` (the same with a reader), ``link_file``, ``link_tabular``, ``hdfs``.
    :param datastore: name; None means the pipeline's, else the workspace's default.
    :param path: template below the datastore with ``{run-id}`` and ``{output-name}``; None means the SDK's place
        (``azureml/{run-id}/{output-name}`` for pipeline_data, ``dataset/{run-id}/{output-name}`` otherwise).
    :param mode: ``mount``, ``upload`` or ``link``.
    :param path_on_compute: where the script writes; None means a place of the runner's choice.
    :param register: ``{"name":, "description":, "tags":}`` to register a dataset version on completion.
    """

    name: str
    kind: str = "pipeline_data"
    datastore: str | None = None
    path: str | None = None
    mode: str = "mount"
    path_on_compute: str | None = None
    overwrite: bool | None = None
    globs: tuple[str, ...] = ()
    is_directory: bool | None = None
    transform: Mapping[str, Any] | None = None
    register: Mapping[str, Any] | None = None
    variable: str | None = None
    pipeline_output_name: str | None = None
    training_output: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class StepNode(Document):
    """One step.

    :param id: unique in the graph, safe as an Airflow task id; :param name: what a person sees (may repeat).
    :param type: ``PythonScript``, ``Command``, ``DataTransfer``, ... as in ``StepType`` of the SDK.
    :param script: script below the source directory; :param command: for Command steps, a tuple of arguments, or one
        text for a shell.
    :param environment: key into ``PipelineGraph.environments``.
    :param compute: ``{"name":, "type":}`` or empty for the workspace's default.
    :param settings: run settings that change results or resources: ``node_count``, ``process_count_per_node``,
        ``communicator``, ``framework``, ``docker``, ``max_run_duration_seconds``, ...
    :param payload: what only this step type needs.
    :param source_directory: where the code lies while authoring; :param snapshot: SHA-256 of the stored snapshot.
    """

    id: str
    name: str
    type: str = "PythonScript"
    script: str | None = None
    command: Any = None
    arguments: tuple[Any, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[InputPort, ...] = ()
    outputs: tuple[OutputPort, ...] = ()
    source_directory: str | None = None
    snapshot: str | None = None
    environment: str | None = None
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    compute: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    run_after: tuple[str, ...] = ()
    allow_reuse: bool = True
    version: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)

    MANY: ClassVar[Mapping[str, Any]] = {"inputs": InputPort, "outputs": OutputPort}

    def upstream(self) -> tuple[str, ...]:
        """Ids of the steps this one waits for: by data, then by ``run_after``; each once, in order."""
        by_data = [port.source["step"] for port in self.inputs if "step" in port.source]
        return tuple(dict.fromkeys([*by_data, *self.run_after]))


@dataclass(frozen=True)
class PipelineGraph(Document):
    """A whole pipeline.

    :param workspace: ``{"name":, "subscription_id":, "resource_group":, "root":?, "conn_id":?}``, no secrets.
    :param environments: environment documents (``Environment`` as JSON) by key.
    """

    steps: tuple[StepNode, ...]
    workspace: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    environments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    default_datastore: str | None = None
    description: str | None = None
    version: int = GRAPH_VERSION

    VERSION: ClassVar[int] = GRAPH_VERSION
    MANY: ClassVar[Mapping[str, Any]] = {"steps": StepNode, "parameters": Parameter}

    def to_json(self) -> dict[str, Any]:
        """As :meth:`Document.to_json`, the version always among the keys."""
        return {"version": self.version, **super().to_json()}

    def step(self, step_id: str) -> StepNode:
        """The step with this id (KeyError when there is none)."""
        for node in self.steps:
            if node.id == step_id:
                return node
        raise KeyError(step_id)
