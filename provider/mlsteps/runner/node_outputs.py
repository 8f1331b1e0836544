"""Outputs of a step on several nodes: each node brings what its own processes have written, the first one last.

Files of the same name may come from several nodes, so none is sent before the scripts have ended. The first node then
waits for the others: the manifests that it stores tell of the files of all.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Callable, Iterator, Mapping

from mlsteps.contracts.manifest import OutputManifest
from mlsteps.contracts.spec import OutputSpec, StepSpec
from mlsteps.runner.cancel import Cancel
from mlsteps.runner.folders import Folders
from mlsteps.runner.nodes import Made, Node, merged
from mlsteps.runner.outputs import Committed, Outputs, is_link
from mlsteps.runner.stores import Stores


class NodeOutputs(Outputs):
    """The outputs of one node."""

    def __init__(self, spec: StepSpec, stores: Stores, folders: Folders, node: Node) -> None:
        super().__init__(spec, stores, folders)
        self._node = node
        self._made: Made = {}

    @contextmanager
    def followed(self, places: Mapping[str, str], note: Callable[[str], None]) -> Iterator[None]:
        """Nothing is sent while the script runs."""
        yield

    def wait(self, cancel: Cancel) -> None:
        """On the first node, until all others have brought theirs."""
        if self._node.number == 0:
            self._made = self._node.others(cancel)

    def commit(self, places: Mapping[str, str], cancel: Cancel) -> Committed:
        """As of any step on the first node; the others store no manifests, and answer them."""
        if self._node.number == 0:
            return super().commit(places, cancel)
        brought = {}
        for item in self._spec.outputs:
            cancel.check()
            if not is_link(item) and os.path.exists(places[item.name]):
                brought[item.name] = self._brought(item, places[item.name])
        return Committed(brought, {})

    def _brought(self, item: OutputSpec, place: str) -> OutputManifest:
        has_others = any(item.name in outputs and outputs[item.name].files for outputs in self._made.values())
        if has_others and not os.path.isfile(place) and not any(names for _, _, names in os.walk(place)):
            return self._of_all(item, None)
        return super()._brought(item, place)

    def _uploaded(self, item: OutputSpec, place: str) -> OutputManifest:
        return self._of_all(item, super()._uploaded(item, place))

    def _of_all(self, item: OutputSpec, own: OutputManifest | None) -> OutputManifest:
        return merged(item.name, own, self._made, self._stores.datastore(item.datastore), item.path)
