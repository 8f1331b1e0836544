"""The content identity of what a step reads from outside the pipeline, and of what other steps made."""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, Sequence

from mlsteps.contracts.codec import canonical
from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.graph import InputPort
from mlsteps.contracts.record import OutputRecord
from mlsteps.errors import AzureMLException
from mlsteps.registry import datasets
from mlsteps.registry.workspaces import workspace_document
from mlsteps.reuse.fingerprint import Unfingerprintable, content_of
from mlsteps.reuse.verify import OpenByName
from mlsteps.storage.workspace_store import WorkspaceStore


class Content(NamedTuple):
    """A content identity, and what it was made from: ``[[path, size, token], ...]``."""

    digest: str
    explanation: Sequence[Any] = ()


#: Gives the content identity of a dataset definition; may answer its digest alone.
DatasetIdentity = Callable[[Mapping[str, Any]], Any]


class Contents:
    """Content identities, each computed once.

    :param parameters: the pipeline's parameter values.
    :param default_datastore: for places that name none; None means the workspace's.
    :param dataset_identity: None means ``storage.datasets.content_identity``.
    """

    def __init__(
        self,
        ws: WorkspaceStore,
        parameters: Mapping[str, Any],
        default_datastore: str | None,
        dataset_identity: DatasetIdentity | None,
        open_by_name: OpenByName,
    ) -> None:
        self._ws = ws
        self._parameters = parameters
        self._default_datastore = default_datastore
        self._dataset_identity = dataset_identity
        self._open_by_name = open_by_name
        self._known: dict[str, Content | str] = {}

    def of_port(self, port: InputPort) -> Content:
        """What an input that no step makes holds.

        :raises Unfingerprintable: when it cannot be told; says why.
        """
        try:
            definition = self.definition(port.source)
        except AzureMLException as error:
            raise Unfingerprintable(f"input {port.name!r}: {error.message}") from error
        return self._named(port.name, definition)

    def of_output(self, port: InputPort, outputs: Mapping[str, OutputRecord]) -> Content:
        """What an upstream output holds: the digest of its tree, wherever it lies."""
        output = outputs.get(port.source["output"])
        if output is None:
            raise Unfingerprintable(
                f"input {port.name!r}: step {port.source['step']!r} has no {port.source['output']!r}"
            )
        if output.kind.startswith("link") and output.definition is not None:
            return self._named(port.name, output.definition)
        return Content(content_of(output.tree, output.is_file, output.definition))

    def definition(self, source: Mapping[str, Any]) -> Mapping[str, Any]:
        """The dataset definition that a source stands for.

        :raises Unfingerprintable: for a dataset that is not registered, or a parameter without a usable value.
        """
        if "parameter" in source:
            return self._of_parameter(str(source["parameter"]))
        if "registered" in source:
            return self._registered(source["registered"])
        if "datapath" in source:
            place = source["datapath"]
            return file_definition(place.get("datastore") or self._datastore(), place.get("path") or "")
        if "dataset" in source:
            return dict(source["dataset"])
        raise Unfingerprintable(f"its source is not known: {canonical(source)}")

    def _of_parameter(self, name: str) -> Mapping[str, Any]:
        value = self._parameters.get(name)
        if not isinstance(value, Mapping):
            raise Unfingerprintable(f"the pipeline parameter {name!r} is no dataset or data path: {value!r}")
        if "registered" in value or "datapath" in value or "dataset" in value:
            return self.definition(value)
        return self.definition({"dataset": value} if "type" in value else {"datapath": value})

    def _registered(self, reference: Mapping[str, Any]) -> Mapping[str, Any]:
        """By its definition, so that neither the dataset's name nor its version makes a difference."""
        version = reference.get("version") or "latest"
        found = datasets.get(self._ws, reference["name"], version)
        if found is None:
            raise Unfingerprintable(f"no dataset {reference['name']!r} (version {version}) is registered")
        return dict(found["definition"])

    def _datastore(self) -> str:
        return self._default_datastore or str(workspace_document(self._ws)["default_datastore"])

    def _named(self, name: str, definition: Mapping[str, Any]) -> Content:
        found = self._identity(definition)
        if isinstance(found, str):
            raise Unfingerprintable(f"input {name!r}: {found}")
        return found

    def _identity(self, definition: Mapping[str, Any]) -> Content | str:
        """The identity of a definition, or why there is none."""
        key = canonical(definition)
        if key not in self._known:
            try:
                self._known[key] = self._computed(definition)
            except Exception as error:  # of any store: whatever it is, it must not become a hit
                self._known[key] = f"its content cannot be told: {error}"
        return self._known[key]

    def _computed(self, definition: Mapping[str, Any]) -> Content:
        if self._dataset_identity is not None:
            answer = self._dataset_identity(definition)
            digest = answer if isinstance(answer, str) else answer.digest
            return Content(content_of(digest, False, definition), getattr(answer, "explanation", ()))
        from mlsteps.storage.datasets import content_identity, is_single_file, resolve_files

        found = content_identity(definition, self._open_by_name)
        single = len(found.explanation) == 1 and is_single_file(
            definition, resolve_files(definition, self._open_by_name)
        )
        return Content(content_of(found.digest, single, definition), found.explanation)
