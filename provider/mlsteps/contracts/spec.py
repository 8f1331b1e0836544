"""``StepSpec``: everything the runner needs for one step. ``StepResult``: what it answers.

Neither holds a secret: a datastore names the connection its credentials come from, and the operator hands credentials
to the runner on its standard input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping

from mlsteps.contracts.codec import Document
from mlsteps.contracts.manifest import OutputManifest

#: Raise when a runner of this release could not run a spec of the release before.
SPEC_VERSION = 1


@dataclass(frozen=True)
class InputSpec(Document):
    """One input to stage.

    :param definition: the dataset definition of the files (references and upstream outputs become one too).
    :param dataset_id: id given to the script when ``mode`` is ``direct``.
    :param dataset: ``{"name":, "version":, "id":}`` when the data is a registered dataset.
    :param writable: a DataReference: the script may write into the store through a mount.
    :param may_be_empty: an output of another step: no files there is an empty folder, not missing data.
    """

    name: str
    definition: Mapping[str, Any]
    kind: str
    mode: str
    variable: str | None = None
    path_on_compute: str | None = None
    overwrite: bool = False
    dataset_id: str | None = None
    dataset: Mapping[str, Any] = field(default_factory=dict)
    writable: bool = False
    may_be_empty: bool = False


@dataclass(frozen=True)
class OutputSpec(Document):
    """One output to collect: where it goes (``datastore`` and a final ``path``, templates filled in) and how."""

    name: str
    kind: str
    datastore: str
    path: str
    mode: str = "mount"
    variable: str | None = None
    path_on_compute: str | None = None
    overwrite: bool | None = None
    globs: tuple[str, ...] = ()
    is_directory: bool | None = None


@dataclass(frozen=True)
class StepSpec(Document):
    """One attempt at one step.

    :param run_id: this attempt's run id; :param pipeline_run_id: its parent's.
    :param workspace: ``{"name":, "subscription_id":, "resource_group":, "location":, "root":}``.
    :param datastores: the datastore documents the inputs and outputs name, by name (no secrets).
    :param argv: the command as structured arguments (:mod:`.arguments`); ``{"python": ""}`` stands for the
        interpreter.
    :param interpreter: Python of the step's environment, on the machine where the runner runs.
    :param snapshot: SHA-256 of the source snapshot in the workspace's store; None for no source.
    :param work_directory: folder for this attempt alone; the runner makes and removes it.
    :param parameters: values for ``{"parameter": name}``.
    :param transfer: of a step that copies data and runs no command: ``{"source": input, "destination": output,
        "source_reference_type":?, "destination_reference_type":?, "source_sql":?, "destination_sql":?}``.
    :param distribution: the processes of a step that is more than one (:mod:`.distribution`).
    :param r: of a step that is an R script: its program and packages (:mod:`.r_settings`).
    """

    run_id: str
    pipeline_run_id: str
    experiment: str
    step_name: str
    workspace: Mapping[str, Any]
    argv: tuple[Any, ...]
    interpreter: str
    work_directory: str
    snapshot: str | None = None
    datastores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    max_run_duration_seconds: float | None = None
    transfer: Mapping[str, Any] = field(default_factory=dict)
    distribution: Mapping[str, Any] = field(default_factory=dict)
    r: Mapping[str, Any] = field(default_factory=dict)
    version: int = SPEC_VERSION

    VERSION: ClassVar[int] = SPEC_VERSION
    MANY: ClassVar[Mapping[str, type]] = {"inputs": InputSpec, "outputs": OutputSpec}


@dataclass(frozen=True)
class StepResult(Document):
    """What came of an attempt.

    :param status: ``Completed``, ``Failed`` or ``Canceled``.
    :param exit_code: of the script; None when it never started; negative for a signal.
    :param error: ``{"category": "user" | "input" | "output" | "environment" | "infrastructure", "message":, "tail":,
        "lost":?}``; ``lost`` when what the step ran on was taken away, and it may run again as if it never had.
    :param outputs: manifests by output name; only committed outputs are here.
    :param links: for link outputs, the dataset definition the script linked.
    :param timings: seconds by phase: ``stage``, ``run``, ``commit``.
    """

    status: str
    exit_code: int | None = None
    error: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, OutputManifest] = field(default_factory=dict)
    links: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    version: int = SPEC_VERSION

    VERSION: ClassVar[int] = SPEC_VERSION

    @classmethod
    def _revive(cls, name: str, value: Any) -> Any:
        if name == "outputs":
            return {key: OutputManifest.from_json(item) for key, item in value.items()}
        return super()._revive(name, value)
