"""Runs: heads, events, children and artifacts.

runs/<run-id>.json                                    head, written once
experiments/<experiment>/<run-id>/events/*.jsonl      see run_events
experiments/<experiment>/<run-id>/children/<id>       empty marker
experiments/<experiment>/<run-id>/children/+<digest>.json
    heads of children that were made together, by id, each with all that was ``said`` of it then
experiments/<experiment>/<run-id>/artifacts/...       outputs/, logs/, user_logs/ and what the script uploads
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import ExperimentExecutionException, InvalidInput
from mlsteps.registry import run_events
from mlsteps.registry.names import file_name, name_of
from mlsteps.registry.run_ids import made_with
from mlsteps.registry.run_state import RunState, fold
from mlsteps.storage.base import Store
from mlsteps.storage.workspace_store import WorkspaceStore

_READERS = 8
#: Begins the names of documents among the children; no run's id begins so.
_GROUP = "+"


class RunStore:
    """The runs of a workspace. Cheap to make; may be used by threads and after a fork."""

    def __init__(self, ws: WorkspaceStore) -> None:
        self._ws = ws
        self._heads: Dict[str, Dict[str, Any]] = {}  # heads never change, so those once read are kept
        self._said: Dict[str, List[Dict[str, Any]]] = {}  # and so are the events beside them
        self._writers: Dict[str, run_events.Writer] = {}

    def create(
        self,
        run_id: str,
        *,
        experiment: str,
        type: str,
        name: Optional[str] = None,
        parent: Optional[str] = None,
        root: Optional[str] = None,
        **head: Any,
    ) -> None:
        """Make a run; does nothing to one that exists.

        :param type: as ``Run.type`` of the SDK: ``azureml.PipelineRun``, ``azureml.StepRun``,
            ``azureml.ReusedStepRun``, ``azureml.scriptrun``.
        :param parent: id of the run it is a child of; :param root: id of the outermost run.
        :param head: more to keep, such as ``steps`` and ``continue_on_step_failure`` (see :mod:`.pipeline_status`).
        :raises InvalidInput: for an id that is not letters, digits, ``.``, ``_`` and ``-``.
        """
        kept = {"experiment": experiment, "type": type, "name": name, "parent": parent, "root": root, **head}
        document = _document(run_id, kept)
        self._ws.store.create(f"{_folder(experiment, run_id)}/run", b"")  # known to its experiment before it is found
        if parent is not None:
            self._ws.store.create(f"{self._place(parent)}/children/{run_id}", b"")
        self._ws.create_json(_head_path(run_id), document)

    def create_together(self, parent: str, children: Mapping[str, Mapping[str, Any]]) -> None:
        """Make many children of a run that are over already: one document for all, where a run that goes on costs a
        dozen.

        :param children: the head of each, as :meth:`create` takes it, with ``said``: all its events, as
            :func:`run_events.event` makes them; by ids of :func:`run_ids.reused_run_id`. One that exists gets the
            events, no more.
        """
        known = self._children([parent]) & children.keys()
        made = {id: _document(id, {**head, "parent": parent}) for id, head in children.items() if id not in known}
        if made:
            self._ws.create_json(f"{self._place(parent)}/children/{_GROUP}{digest_of(list(made))[:32]}.json", made)
        for id in known:
            self.write_all(id, children[id]["said"])

    def head(self, run_id: str) -> Optional[Dict[str, Any]]:
        """What was said of the run when it was made, or None."""
        return self.heads([run_id]).get(run_id)

    def heads(self, run_ids: Iterable[str]) -> Dict[str, Dict[str, Any]]:
        """The heads of many runs, read at once; absent ones are left out."""
        wanted = list(run_ids)
        parents = {made_with(id) for id in wanted if id not in self._heads} - {""}
        if parents:
            self._children(self.heads(parents))
        missing = {_head_path(id): id for id in wanted if id not in self._heads}
        for path, found in self._ws.read_many(missing).items():
            self._heads[missing[path]] = dict(found)
        return {id: dict(self._heads[id]) for id in wanted if id in self._heads}

    def write(self, __run_id: str, __kind: str, **fields: Any) -> None:
        """Append one event to a run: ``status(status, error?, final?, interim?, again?)``, ``metric(name, value,
        type, step?, description?)``, ``tag(key, value)``, ``untag(key)``, ``property(key, value)``,
        ``display_name(value)``, ``description(value)``, ``input(name, document)``, ``output(name, document)``,
        ``reused(run_id, ...)``.

        :raises ExperimentExecutionException: when there is no such run.
        """
        self.write_all(__run_id, [run_events.event(__kind, **fields)])

    def write_all(self, run_id: str, events: Sequence[run_events.Event]) -> None:
        """Append several events, as :func:`run_events.event` makes them, with one request of the store.

        :raises ExperimentExecutionException: when there is no such run.
        """
        writer = self._writers.get(run_id)
        if writer is None:
            made = run_events.Writer(self._ws.store, f"{self._place(run_id)}/events")
            writer = self._writers.setdefault(run_id, made)
        writer.write(events)

    def events(self, run_id: str) -> List[Dict[str, Any]]:
        """All events of a run, in order of time."""
        later = run_events.read(self._ws.store, f"{self._place(run_id)}/events")
        return run_events.in_order([*self._said.get(run_id, ()), *later])

    def state(self, run_id: str) -> RunState:
        """The run as it stands."""
        return fold(self.events(run_id))

    def states(self, run_ids: Iterable[str]) -> Dict[str, RunState]:
        """The states of many runs, read at once."""
        wanted = list(run_ids)
        self.heads(wanted)
        with ThreadPoolExecutor(max(1, min(_READERS, len(wanted)))) as pool:
            return dict(zip(wanted, pool.map(self.state, wanted)))

    def children(self, run_id: str) -> List[str]:
        """Ids of the runs below a run, oldest first."""
        return self._by_age(self._children([run_id]))

    def list(self, experiment: str, include_children: bool = False) -> List[str]:
        """Ids of an experiment's runs, newest first.

        :param include_children: also those that have a parent.
        """
        own = self._by_age(self._ws.store.folders(f"experiments/{file_name(experiment)}"))
        if include_children:
            return self._by_age({*own, *self._children(own)})[::-1]
        return [id for id in own if self._heads[id].get("parent") is None][::-1]

    def experiments(self) -> List[str]:
        """The names of the experiments that have runs."""
        return sorted(name_of(item) for item in self._ws.store.folders("experiments"))

    def artifacts(self, run_id: str) -> Store:
        """The store of a run's files: ``outputs/...``, ``logs/...``, ``user_logs/...``."""
        return self._ws.store.below(f"{self._place(run_id)}/artifacts")

    def _place(self, run_id: str) -> str:
        head = self.head(run_id)
        if head is None:
            raise ExperimentExecutionException(f"There is no run {run_id!r} in the workspace at {self._ws.root}.")
        return _folder(head["experiment"], run_id)

    def _children(self, parents: Iterable[str]) -> Set[str]:
        """Ids of the runs below these; keeps the heads of those that were made together."""
        store = self._ws.store
        with ThreadPoolExecutor(_READERS) as pool:
            listed = pool.map(lambda id: list(store.list(f"{self._place(id)}/children")), parents)
            paths = [entry.path for entries in listed for entry in entries]
        groups = [path for path in paths if path.rpartition("/")[2].startswith(_GROUP)]
        together: Set[str] = set()
        for group in self._ws.read_many(groups).values():
            for id, head in group.items():
                self._said.setdefault(id, head.pop("said"))
                self._heads.setdefault(id, head)
                together.add(id)
        return together | {path.rpartition("/")[2] for path in set(paths).difference(groups)}

    def _by_age(self, ids: Iterable[str]) -> List[str]:
        """Oldest first; a run whose head is not there yet is being made and does not count."""
        heads: Mapping[str, Mapping[str, Any]] = self.heads(ids)
        return sorted(heads, key=lambda id: (heads[id]["created"], id))


def _document(run_id: str, head: Mapping[str, Any]) -> Dict[str, Any]:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,149}", run_id):
        raise InvalidInput(f"The run id {run_id!r} does not fit", expected="letters, digits, '.', '_' and '-'")
    root = head.get("root") or head.get("parent") or run_id
    return {"id": run_id, "created": time.time(), **head, "root": root}


def _head_path(run_id: str) -> str:
    return f"runs/{file_name(run_id)}.json"


def _folder(experiment: str, run_id: str) -> str:
    return f"experiments/{file_name(experiment)}/{run_id}"
