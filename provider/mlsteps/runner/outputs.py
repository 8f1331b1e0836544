"""Where the script writes its outputs, and how they reach their datastores once it has succeeded.

Nothing of an output counts before its manifest is stored, and manifests are stored when the data of every output has
arrived: a step's outputs exist together or not at all.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping, NamedTuple

from mlsteps.contracts.codec import canonical
from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.contracts.spec import OutputSpec, StepSpec
from mlsteps.errors import AzureMLException
from mlsteps.runner.cancel import Cancel
from mlsteps.runner.early import EarlyOutputs, remove_left
from mlsteps.runner.failure import StepFailure
from mlsteps.runner.folders import Folders
from mlsteps.runner.stage import Staged
from mlsteps.runner.stores import Stores
from mlsteps.storage import files

#: The one file of a link output: the dataset definition that the script linked, and the identity of its content.
LINK_FILE = "link.json"


class Committed(NamedTuple):
    """Manifests by output name, and for link outputs the linked definitions."""

    outputs: Mapping[str, OutputManifest]
    links: Mapping[str, Any]


class Outputs:
    """The outputs of one attempt."""

    def __init__(self, spec: StepSpec, stores: Stores, folders: Folders) -> None:
        self._spec = spec
        self._stores = stores
        self._folders = folders
        self._links: dict[str, Any] = {}
        self._early: EarlyOutputs | None = None

    @contextmanager
    def followed(self, places: Mapping[str, str], note: Callable[[str], None]) -> Iterator[None]:
        """While the script runs, files of mounted outputs go to their stores when they are closed."""
        self._early = EarlyOutputs([(item, places[item.name]) for item in self._spec.outputs], self._stores, note)
        self._early.start()
        try:
            yield
        finally:
            self._early.stop()

    def prepare(self) -> dict[str, str]:
        """The local path of each output by name.

        A ``pipeline_data`` output is not made: scripts make a folder or write a file there, as with the SDK. The
        folders of all other outputs are. A link output's path is the file that takes the linked definition.
        """
        places = {item.name: self._place(item) for item in self._spec.outputs}
        for item in self._spec.outputs:
            if item.kind != "pipeline_data" and not is_link(item):
                os.makedirs(places[item.name], exist_ok=True)
        return places

    def _place(self, item: OutputSpec) -> str:
        if is_link(item):
            return self._folders.place(self._folders.links, f"{item.name}.json")
        if item.path_on_compute:
            return self._folders.on_compute(item.path_on_compute)
        return self._folders.place(self._folders.outputs, item.name)

    def wait(self, cancel: Cancel) -> None:
        """Until what others write into these outputs is there, too: nobody does."""

    def commit(self, places: Mapping[str, str], cancel: Cancel) -> Committed:
        """Bring every output to its datastore, then store the manifests.

        :raises StepFailure: ``output``, naming the output; nothing of this attempt counts then.
        """
        from mlsteps.registry.records import put_manifest

        manifests = {}
        for item in self._spec.outputs:
            cancel.check()
            manifests[item.name] = self._brought(item, places[item.name])
        cancel.check()
        for name, manifest in manifests.items():
            put_manifest(self._stores.workspace, self._spec.run_id, name, manifest)
        return Committed(manifests, self._links)

    def _brought(self, item: OutputSpec, place: str) -> OutputManifest:
        try:
            if is_link(item):
                return self._link(item, place)
            if not os.path.exists(place):
                self._nothing(item, place)
            return self._uploaded(item, place)
        except StepFailure:
            raise
        except AzureMLException as error:
            raise StepFailure("output", f"Output {item.name!r} could not be committed: {error.message}") from error

    def _uploaded(self, item: OutputSpec, place: str) -> OutputManifest:
        """What lies at ``place``, a folder or a file; what lies in a place of our own is moved when it can be."""
        from mlsteps.storage import transfer

        store = self._stores.datastore(item.datastore)
        ours = os.path.dirname(place) == self._folders.outputs
        sent = self._early.sent(item.name) if self._early is not None else None
        manifest = transfer.upload_tree(
            place, store, item.path, overwrite=_overwrites(item), globs=item.globs, move=ours, manifest=sent
        )
        if sent is not None:
            remove_left(sent, manifest, store, item.path)
        return manifest

    def _nothing(self, item: OutputSpec, place: str) -> None:
        """A folder that the script never made is an empty output; a file that it never wrote is missing."""
        if item.is_directory is False or (item.mode == "upload" and item.path_on_compute):
            wanted = "a file" if item.is_directory is False else "a file or a folder"
            given = item.path_on_compute or place
            raise StepFailure(
                "output",
                f"Output {item.name!r}: the script ended well but wrote nothing at {given}. Expected {wanted} there; "
                f"the script gets the path as its argument or in the variable {item.variable or item.name}.",
            )
        os.makedirs(place)

    def _link(self, item: OutputSpec, place: str) -> OutputManifest:
        """Keep the definition as the output's one file: its digest is the identity that consumers are keyed on."""
        from mlsteps.storage import datasets

        try:
            with open(place, encoding="utf-8", errors="surrogatepass") as file:
                definition = json.load(file)
        except FileNotFoundError as error:
            raise StepFailure(
                "output",
                f"Output {item.name!r}: the script linked no dataset. Expected "
                f"run.output_datasets[{item.name!r}].link(dataset) before it ends.",
            ) from error
        identity = datasets.content_identity(definition, self._stores.datastore)
        data = canonical({"definition": definition, "content": identity.digest}).encode("utf-8", "surrogatepass")
        store = self._stores.datastore(item.datastore)
        store.write(f"{item.path}/{LINK_FILE}", data)
        found = store.entry(f"{item.path}/{LINK_FILE}")
        self._links[item.name] = definition
        stamp = found.stamp if found else ""
        return OutputManifest.of([FileEntry(LINK_FILE, len(data), files.digest_of_bytes(data), stamp)])


def is_link(item: OutputSpec) -> bool:
    """Whether the script links a dataset there in place of writing files."""
    return item.kind.startswith("link")


def _overwrites(item: OutputSpec) -> bool:
    """A mount writes over what is there, as the SDK's does; an upload does so only when told to."""
    return item.mode != "upload" or bool(item.overwrite)


class WriteBack:
    """Remote places that a script may write into are copies; what it changed in them goes back after it succeeded."""

    def __init__(self, staged: Mapping[str, Staged], stores: Stores) -> None:
        self._stores = stores
        self._copies = {item.value: item.copy_of for item in staged.values() if item.copy_of is not None}
        self._before = {folder: _stamps(folder) for folder in self._copies}

    def commit(self) -> None:
        """Upload new and changed files.

        :raises StepFailure: ``output``, when the store refuses.
        """
        for folder, place in self._copies.items():
            datastore, path = place
            store = self._stores.datastore(datastore)
            changed = [name for name, stamp in _stamps(folder).items() if self._before[folder].get(name) != stamp]
            for name in changed:
                target = "/".join(filter(None, (path, name)))
                try:
                    store.put_file(os.path.join(folder, name) if name else folder, target)
                except AzureMLException as error:
                    raise StepFailure("output", f"{target} could not be written back: {error.message}") from error


def _stamps(folder: str) -> dict[str, tuple[int, int]]:
    """Size and time of each file; the name is "" when it is a file itself."""
    if os.path.isfile(folder):
        return {"": _stamp(folder)}
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.isfile(path):
                found[os.path.relpath(path, folder).replace(os.sep, "/")] = _stamp(path)
    return found


def _stamp(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns
