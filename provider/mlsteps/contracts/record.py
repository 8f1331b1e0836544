"""``StepRecord``: one finished step whose outputs a later run may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping

from mlsteps.contracts.codec import Document

#: Raise when records of the release before can no longer be read.
RECORD_VERSION = 1


@dataclass(frozen=True)
class OutputRecord(Document):
    """One committed output: its place, its content's identity, and where its manifest is kept.

    :param tree: tree digest of the content: what consumers are fingerprinted with.
    :param manifest: path of the manifest below the workspace's root.
    :param count: number of files; :param size: bytes.
    :param dataset: ``{"name":, "version":}`` when it was registered on completion.
    :param definition: dataset definition for tabular and link outputs; None for a plain folder or file.
    """

    datastore: str
    path: str
    tree: str
    manifest: str
    kind: str = "pipeline_data"
    is_file: bool = False
    count: int = 0
    size: int = 0
    dataset: Mapping[str, Any] = field(default_factory=dict)
    definition: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class StepRecord(Document):
    """What a step produced, why it counts, and who produced it.

    :param fingerprint: digest of ``preimage``; "" for a step that cannot be reused.
    :param preimage: every component of the fingerprint by name (see ``reuse.fingerprint``).
    :param producer: ``{"dag_id":, "run_id":, "task_id":, "try_number":, "pipeline_run_id":, "step_run_id":,
        "experiment":, "step_name":}``.
    :param created: seconds since the epoch; :param seconds: what the step cost.
    """

    fingerprint: str
    preimage: Mapping[str, Any]
    producer: Mapping[str, Any]
    outputs: Mapping[str, OutputRecord] = field(default_factory=dict)
    created: float = 0.0
    seconds: float = 0.0
    version: int = RECORD_VERSION

    VERSION: ClassVar[int] = RECORD_VERSION

    @classmethod
    def _revive(cls, name: str, value: Any) -> Any:
        if name == "outputs":
            return {key: OutputRecord.from_json(item) for key, item in value.items()}
        return super()._revive(name, value)
