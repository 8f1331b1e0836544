"""Before the script starts: its source in its working directory, its inputs where it will look for them."""

from __future__ import annotations

import os
import shutil
from typing import Any, Callable, List, NamedTuple

from mlsteps.contracts.dataset import dataset_id
from mlsteps.contracts.spec import InputSpec, StepSpec
from mlsteps.errors import AzureMLException
from mlsteps.runner.cancel import Cancel
from mlsteps.runner.failure import StepFailure
from mlsteps.runner.folders import Folders
from mlsteps.runner.mounts import Mounts
from mlsteps.runner.stores import Stores


class Staged(NamedTuple):
    """An input as the script gets it: ``value`` is a local path or a dataset's id.

    :param made: a path outside the work directory that was made for this input and goes with it, or "".
    :param copy_of: ``(datastore, path)`` when the script may write into the data and ``value`` is a copy.
    """

    value: str
    made: str = ""
    copy_of: tuple[str, str] | None = None


class Stage:
    """Brings everything to this machine. Failures have the category ``input``."""

    def __init__(
        self, spec: StepSpec, stores: Stores, folders: Folders, mounts: Mounts, note: Callable[[str], None]
    ) -> None:
        self._spec = spec
        self._mounts = mounts
        self._stores = stores
        self._folders = folders
        self._note = note

    def source(self) -> None:
        """Unpack the snapshot; ``outputs/`` and ``logs/`` are there before the script starts."""
        if self._spec.snapshot:
            from mlsteps.storage import snapshots

            snapshots.unpack(self._spec.snapshot, self._stores.workspace, self._folders.code)
        for name in ("outputs", "logs"):
            os.makedirs(os.path.join(self._folders.code, name), exist_ok=True)

    def inputs(self, cancel: Cancel) -> dict[str, Staged]:
        """Stage every input; by name."""
        staged = {}
        for item in self._spec.inputs:
            cancel.check()
            staged[item.name] = self.input(item)
        return staged

    def input(self, item: InputSpec) -> Staged:
        """Stage one input.

        :raises StepFailure: naming the input, its dataset, the datastore and the path, when there is nothing there.
        """
        if item.mode == "direct":
            return Staged(item.dataset_id or dataset_id(item.definition))
        try:
            place = self._writable_place(item)
            return place if place is not None else self._files(item)
        except StepFailure:
            raise
        except AzureMLException as error:
            raise StepFailure("input", f"{_title(item)} could not be staged: {error.message}") from error

    def _writable_place(self, item: InputSpec) -> Staged | None:
        """A DataReference mounted from a local store is the store's own folder: what is written there stays."""
        paths = item.definition.get("paths") or []
        if not item.writable or item.mode not in ("mount", "upload") or len(paths) != 1 or "datastore" not in paths[0]:
            return None
        path = paths[0].get("path", "").strip("/")
        real = self._stores.datastore(paths[0]["datastore"]).local_path(path)
        if real is None:
            return None
        if not os.path.exists(real):
            self._note(f"{_title(item)}: nothing is there yet ({real}); the script may write there.")
            os.makedirs(os.path.dirname(real) if path else real, exist_ok=True)
        if item.path_on_compute is None:
            return Staged(real)
        link = self._folders.on_compute(item.path_on_compute)
        self._link(real, link, item)
        return Staged(link, made="" if _is_below(link, self._folders.root) else link)

    def _link(self, real: str, link: str, item: InputSpec) -> None:
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if os.path.islink(link):
            os.unlink(link)
        elif os.path.isdir(link) and not os.listdir(link):
            os.rmdir(link)
        elif os.path.exists(link):
            raise StepFailure("input", f"{_title(item)}: path_on_compute {link} exists already and is not empty.")
        os.symlink(real, link)

    def _files(self, item: InputSpec) -> Staged:
        """Link or download the files of the input's definition."""
        from mlsteps.storage import datasets

        found = datasets.resolve_files(item.definition, self._stores.datastore, missing_ok=self._may_be_empty(item))
        target = self._target(item)
        made = "" if _is_below(target, self._folders.root) or os.path.exists(target) else target
        os.makedirs(target, exist_ok=True)
        self._bring(found, target, item)
        self._empty_folders(target, item)
        single = datasets.is_single_file(item.definition, found)
        return Staged(os.path.join(target, found[0].relative) if single else target, made, self._copy_of(item))

    def _bring(self, found: List[Any], target: str, item: InputSpec) -> None:
        from mlsteps.storage import transfer
        from mlsteps.storage.caching.download import download

        is_mount = item.mode != "download" and not item.writable
        if is_mount and (transfer.link_files(found, target) or self._mounts.try_mount(found, target, _title(item))):
            return
        download(found, target, overwrite=item.overwrite, note=lambda text: self._note(f"{_title(item)}: {text}"))

    def _empty_folders(self, target: str, item: InputSpec) -> None:
        """Folders without files, of an input that is one folder of a local store: elsewhere there are none."""
        from mlsteps.storage.globs import has_glob
        from mlsteps.storage.transfer import copy_empty_folders

        paths = item.definition.get("paths") or []
        if len(paths) != 1 or "datastore" not in paths[0] or item.definition.get("operations"):
            return
        path = str(paths[0].get("path") or "").strip("/")
        real = None if has_glob(path) else self._stores.datastore(paths[0]["datastore"]).local_path(path)
        if real is not None and os.path.isdir(real):
            copy_empty_folders(real, target)

    def _target(self, item: InputSpec) -> str:
        if item.path_on_compute is None:
            return self._folders.place(self._folders.inputs, item.name)
        return self._folders.on_compute(item.path_on_compute)

    def _may_be_empty(self, item: InputSpec) -> bool:
        """What another step wrote may be empty; so may a place that the script can fill itself."""
        if item.writable:
            return item.mode != "download"
        return item.may_be_empty or item.kind == "reference"  # not a DataReference, so it is a PipelineData

    def _copy_of(self, item: InputSpec) -> tuple[str, str] | None:
        if not item.writable or item.mode == "download":
            return None
        place = item.definition["paths"][0]
        return place["datastore"], place.get("path", "").strip("/")


def remove_made(staged: dict[str, Staged]) -> None:
    """Remove what was made outside the work directory."""
    for item in staged.values():
        if item.made and os.path.islink(item.made):
            os.unlink(item.made)
        elif item.made:
            shutil.rmtree(item.made, ignore_errors=True)


def _title(item: InputSpec) -> str:
    name = item.dataset.get("name")
    dataset = f" (dataset {name!r}, version {item.dataset.get('version')})" if name else ""
    return f"Input {item.name!r}{dataset}"


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)
