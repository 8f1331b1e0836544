"""Decide which steps of a graph are reused: for all of it at once, or for one step in its own task.

Both ways go through the same :class:`_Judge`, so a step gets the same answer wherever it is asked.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Iterable, Mapping

from mlsteps.contracts.graph import InputPort, PipelineGraph, StepNode
from mlsteps.contracts.record import OutputRecord, StepRecord
from mlsteps.errors import InvalidInput
from mlsteps.registry.records import get_records, nearest_record
from mlsteps.reuse.contents import Content, Contents, DatasetIdentity
from mlsteps.reuse.decision import REUSE, RUN, WAIT, Decision, Plan
from mlsteps.reuse.difference import summary
from mlsteps.reuse.explain import origin
from mlsteps.reuse.fingerprint import Unfingerprintable, fingerprint, preimage
from mlsteps.reuse.match import misfit, renamed
from mlsteps.reuse.sources import with_files
from mlsteps.reuse.verify import OpenByName, broken_many, opener
from mlsteps.storage.workspace_store import WorkspaceStore

Outputs = Mapping[str, Mapping[str, OutputRecord]]

_WORKERS = 8
_REGENERATE = "regenerate_outputs is on"


def plan(
    graph: PipelineGraph,
    ws: WorkspaceStore,
    *,
    parameters: Mapping[str, Any] | None = None,
    snapshots: Mapping[str, Any] | None = None,
    environments: Mapping[str, Any] | None = None,
    dataset_identity: DatasetIdentity | None = None,
    open_by_name: OpenByName | None = None,
    regenerate: bool = False,
    hints: Iterable[str] = (),
) -> Plan:
    """Decide for every step of a graph.

    Walks the graph level by level, one concurrent read of records a level. A step is decided here when the content of
    all its inputs is known: those from outside, and those from steps that are reused. Outputs of all hits are then
    checked side by side; a hit that fails makes its step run and the steps below it wait.

    :param parameters: values given for this run; the graph's defaults stand for the others.
    :param snapshots: by step id, the digest of its source, or anything with ``digest`` (and ``files``, digests by
        path), or the exception that taking it raised.
    :param environments: by the graph's key, the canonical content of the environment, or an exception.
    :param dataset_identity: content identity of a dataset definition; by default ``storage.datasets.content_identity``.
    :param open_by_name: opens a datastore; by default without credentials.
    :param regenerate: run every step.
    :param hints: fingerprints that are likely to be asked for, such as those of the run before: read all at once.
    """
    judge = _Judge(ws, graph.default_datastore, _values(graph, parameters), dataset_identity, open_by_name, regenerate)
    judge.read(hints)
    levels = _levels(graph.steps)
    while True:
        decisions: dict[str, Decision] = {}
        known: dict[str, Mapping[str, OutputRecord]] = {}
        for level in levels:
            judge.level(level, decisions, known, snapshots or {}, environments or {})
        if not judge.find_broken(decisions.values()):
            return Plan(tuple(judge.compared(decisions.values())))


def decide(
    node: StepNode,
    ws: WorkspaceStore,
    *,
    upstream_outputs: Mapping[str, Mapping[str, Any]],
    parameters: Mapping[str, Any] | None = None,
    snapshot: Any = None,
    environment: Any = None,
    default_datastore: str | None = None,
    dataset_identity: DatasetIdentity | None = None,
    open_by_name: OpenByName | None = None,
    regenerate: bool = False,
) -> Decision:
    """Decide for one step whose inputs are all known, in its own task; otherwise as :func:`plan`.

    To be asked for every step that :func:`plan` gave ``waits_for``, also for one that is to run in any case: this is
    where it gets its fingerprint.

    :param upstream_outputs: by step id and output name, ``OutputRecord`` or its JSON form.
    :param parameters: values of all of the pipeline's parameters.
    """
    judge = _Judge(ws, default_datastore, parameters or {}, dataset_identity, open_by_name, regenerate)
    known = {step: {name: _output(value) for name, value in made.items()} for step, made in upstream_outputs.items()}
    environments = {} if node.environment is None else {node.environment: environment}
    while True:
        asked = judge.question(node, known, {node.id: snapshot}, environments)
        judge.read([asked.fingerprint])
        decision = judge.answer(node, asked)
        if not judge.find_broken([decision]):
            return judge.compared([decision])[0]


class _Judge:
    """What one round of planning knows: contents, records read, and which records turned out broken."""

    def __init__(
        self,
        ws: WorkspaceStore,
        default_datastore: str | None,
        parameters: Mapping[str, Any],
        dataset_identity: DatasetIdentity | None,
        open_by_name: OpenByName | None,
        regenerate: bool,
    ) -> None:
        self._ws = ws
        self._open = open_by_name or opener(ws)
        self._parameters = parameters
        self._regenerate = regenerate
        self._contents = Contents(ws, parameters, default_datastore, dataset_identity, self._open)
        self._records: dict[str, StepRecord | None] = {}
        self._faults: dict[str, list[str]] = {}

    def read(self, fingerprints: Iterable[str]) -> None:
        """Read the records that were not asked for before."""
        missing = [item for item in dict.fromkeys(fingerprints) if item and item not in self._records]
        if missing:
            found = get_records(self._ws, missing)
            self._records.update({item: found.get(item) for item in missing})

    def level(
        self,
        nodes: Iterable[StepNode],
        decisions: dict[str, Decision],
        known: dict[str, Mapping[str, OutputRecord]],
        snapshots: Mapping[str, Any],
        environments: Mapping[str, Any],
    ) -> None:
        """Decide for steps that do not depend on each other; adds to ``decisions``, and to ``known`` the outputs of
        those that are reused."""
        asked = [(node, self.question(node, known, snapshots, environments)) for node in nodes]
        self.read(question.fingerprint for _, question in asked)
        made = {node.id: self.answer(node, question) for node, question in asked}
        decisions.update(made)
        known.update({step: one.record.outputs for step, one in made.items() if one.action == REUSE and one.record})

    def question(
        self, node: StepNode, known: Outputs, snapshots: Mapping[str, Any], environments: Mapping[str, Any]
    ) -> Decision:
        """The step with its fingerprint, undecided (``run`` or ``wait`` with a reason when it is decided already)."""
        digest, files = None, None
        base = Decision(node.id, "", "", name=node.name)
        try:
            if not node.allow_reuse:  # neither reuses nor is reused, so it needs no fingerprint
                return base._replace(action=RUN, reason="allow_reuse is off")
            digest, files = _snapshot(node, snapshots)
            base = base._replace(snapshot=digest)
            waits = _unknown(node, known)
            if waits:
                return self._waiting(base, waits)
            contents = {port.name: self._content(port, known) for port in node.inputs}
            made = preimage(
                node,
                snapshot=digest,
                environment=_environment(node, environments),
                inputs={name: content.digest for name, content in contents.items()},
                parameters=self._parameters,
                files=files,
                explanations={name: content.explanation for name, content in contents.items() if content.explanation},
            )
            return base._replace(preimage=made, fingerprint=fingerprint(made))
        except Unfingerprintable as error:
            return base._replace(action=RUN, reason=f"cannot be reused: {error.message}")

    def answer(self, node: StepNode, asked: Decision) -> Decision:
        """The decision, as far as records tell; outputs are checked later, all together."""
        if asked.action:
            return asked
        if self._regenerate:
            return asked._replace(action=RUN, reason=_REGENERATE, replace=True)
        record = self._records.get(asked.fingerprint)
        if record is None:
            return asked._replace(action=RUN)
        faults = self._faults.get(asked.fingerprint)
        wrong = (
            f"its outputs are not intact: {'; '.join(faults[:3])}" if faults else misfit(record, asked.preimage or {})
        )
        if wrong:
            return asked._replace(action=RUN, reason=f"cannot reuse {origin(record)}: {wrong}", replace=True)
        found = renamed(record, asked.preimage or {})
        return asked._replace(action=REUSE, record=found, reason=f"reused from {origin(record)}")

    def find_broken(self, decisions: Iterable[Decision]) -> bool:
        """Check the outputs of all hits not checked before; True when one is broken, so that some decisions change."""
        hits = {made.fingerprint: made.record for made in decisions if made.action == REUSE and made.record is not None}
        unchecked = {item: record for item, record in hits.items() if item not in self._faults}
        found = broken_many(self._ws, unchecked.values(), self._open)
        self._faults.update(zip(unchecked, found, strict=True))
        return any(found)

    def compared(self, decisions: Iterable[Decision]) -> list[Decision]:
        """The decisions, those without a record told apart from the nearest earlier record."""
        made = list(decisions)
        wanted = [one for one in made if one.action == RUN and not one.reason and one.preimage is not None]
        if not wanted:
            return made
        with ThreadPoolExecutor(min(_WORKERS, len(wanted))) as pool:
            compared = {one.step: one for one in pool.map(self._compared, wanted)}
        return [compared.get(one.step, one) for one in made]

    def _compared(self, decision: Decision) -> Decision:
        preimage = decision.preimage or {}
        nearest = nearest_record(self._ws, preimage)
        if nearest is None:
            return decision._replace(reason="no earlier run of this step is recorded")
        before, after = with_files(self._ws, nearest.preimage, preimage)
        words = f"{summary(before, after)} (compared with {origin(nearest)})"
        return decision._replace(reason=words, record=replace(nearest, preimage=before), preimage=after)

    def _waiting(self, base: Decision, waits: tuple[str, ...]) -> Decision:
        if self._regenerate:
            return base._replace(action=RUN, reason=_REGENERATE, replace=True, waits_for=waits)
        reason = f"decided when the outputs of {', '.join(waits)} are known"
        return base._replace(action=WAIT, reason=reason, waits_for=waits)

    def _content(self, port: InputPort, known: Outputs) -> Content:
        if "step" in port.source:
            return self._contents.of_output(port, known[port.source["step"]])
        return self._contents.of_port(port)


def _values(graph: PipelineGraph, given: Mapping[str, Any] | None) -> dict[str, Any]:
    defaults = {parameter.name: parameter.default for parameter in graph.parameters if not parameter.required}
    return {**defaults, **(given or {})}


def _unknown(node: StepNode, known: Outputs) -> tuple[str, ...]:
    """The steps whose outputs this one reads and that are not known. ``run_after`` alone carries no data."""
    steps = [port.source["step"] for port in node.inputs if "step" in port.source]
    return tuple(dict.fromkeys(step for step in steps if step not in known))


def _snapshot(node: StepNode, snapshots: Mapping[str, Any]) -> tuple[str | None, Mapping[str, str] | None]:
    given = snapshots.get(node.id, node.snapshot)
    if isinstance(given, BaseException):
        raise Unfingerprintable(f"its source cannot be read: {given}")
    if given is None or isinstance(given, str):
        return given or node.snapshot, None
    return given.digest, getattr(given, "files", None)


def _environment(node: StepNode, environments: Mapping[str, Any]) -> Mapping[str, Any]:
    if node.environment is None:
        return {}
    identity = environments.get(node.environment)
    if isinstance(identity, Mapping):
        return identity
    if isinstance(identity, str) and identity:
        return {"digest": identity}
    because = f": {identity}" if isinstance(identity, BaseException) else ""
    raise Unfingerprintable(f"the environment {node.environment!r} has no known content{because}")


def _output(value: Any) -> OutputRecord:
    return value if isinstance(value, OutputRecord) else OutputRecord.from_json(value)


def _levels(nodes: Iterable[StepNode]) -> list[list[StepNode]]:
    """The steps so that each comes after all that it waits for; those of a level depend on none of the same."""
    waiting = {node.id: node for node in nodes}
    levels: list[list[StepNode]] = []
    needs = {id: {step for step in node.upstream() if step in waiting} for id, node in waiting.items()}
    blocks: dict[str, list[str]] = {id: [] for id in waiting}
    for id, steps in needs.items():
        for step in steps:
            blocks[step].append(id)
    ready = [id for id, steps in needs.items() if not steps]
    while ready:
        levels.append([waiting.pop(id) for id in ready])
        ready = [below for id in ready for below in blocks[id] if _freed(needs[below], id)]
    if waiting:
        raise InvalidInput(f"The steps {sorted(waiting)} wait for each other", expected="a graph without cycles")
    return levels


def _freed(needs: set[str], id: str) -> bool:
    needs.discard(id)
    return not needs
