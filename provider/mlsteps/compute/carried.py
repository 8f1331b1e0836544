"""Files of local stores for a step that cannot see them: carried to where it runs, and what it made carried back.

Everything keeps its path, so neither the spec nor what a script finds in it has to change. Taken along are the source
snapshot, the files of the inputs, the documents of the workspace that scripts look things up in, and what is known of
the run itself. Carried back is whatever is new below the stores, and what was changed where a step may write into an
input. Remote stores are reached from anywhere and have no part in this.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

from mlsteps.compute import tar
from mlsteps.compute.places import datastores_of, local_root, places
from mlsteps.compute.tar import Owner
from mlsteps.contracts.spec import InputSpec, StepResult, StepSpec
from mlsteps.registry.names import file_name
from mlsteps.storage import datasets
from mlsteps.storage.local import LocalStore

#: Where the list of what was taken along lies.
LIST = "/mlsteps/carried.json"
#: Documents that scripts look things up in, below a workspace's root.
_DOCUMENTS = ("datastores", "computes", "environments", "datasets", "datasets_by_id", "placements")
#: Files of registered models come along while they are not more bytes than this, the newest models first.
_MODELS = 256 << 20

#: ``size`` and ``mtime`` (whole seconds) by path.
Known = dict[str, list[int]]


class Carried:
    """What one step takes along.

    :param known: what an earlier worker put in, when this one takes over from it.
    """

    def __init__(self, spec: StepSpec, known: Known | None = None) -> None:
        self._spec = spec
        self._roots = [place.path for place in places(spec)]
        self.known: Known = known or {}

    # -- there

    def pack(self, archive: tarfile.TarFile, owner: Owner) -> None:
        """Write everything into an archive that is unpacked at ``/``; then the list of it."""
        for root in self._roots:
            self._add_folder(archive, root, owner)
        for path in self._wanted():
            self._add(archive, path, owner)
        data = json.dumps(self.known).encode("utf-8", "surrogatepass")
        tar.add_bytes(archive, LIST, tar.ROOT, data)

    def size(self) -> int:
        """Bytes of the files that would be taken along."""
        return sum(os.path.getsize(path) for path in set(self._wanted()) if os.path.isfile(path))

    def _wanted(self) -> Iterator[str]:
        yield from self._documents()
        yield from self._in_the_way()
        for item in self._spec.inputs:
            yield from self._input(item)

    @staticmethod
    def read_list(data: bytes | None) -> Known:
        """The list that :meth:`pack` wrote."""
        return dict(json.loads(data.decode("utf-8", "surrogatepass"))) if data is not None else {}

    def _add(self, archive: tarfile.TarFile, path: str, owner: Owner) -> None:
        if path in self.known:
            return
        self._add_folder(archive, os.path.dirname(path), owner)
        if os.path.isdir(path):
            self._add_folder(archive, path, owner)
            return
        try:
            with open(path, "rb") as file:
                found = os.fstat(file.fileno())
                archive.addfile(tar.file_entry(path, owner, found.st_size, int(found.st_mtime)), file)
        except FileNotFoundError:
            return  # removed meanwhile: the runner says that it is not there
        self.known[path] = [found.st_size, int(found.st_mtime)]

    def _add_folder(self, archive: tarfile.TarFile, path: str, owner: Owner) -> None:
        """A folder below a root, and those between."""
        root = next((root for root in self._roots if _is_below(path, root)), None)
        if root is None or path in self.known:
            return
        if path != root:
            self._add_folder(archive, os.path.dirname(path), owner)
        archive.addfile(tar.folder_entry(path, owner))
        self.known[path] = [-1, 0]

    def _documents(self) -> Iterator[str]:
        root = local_root(self._spec.workspace.get("root"))
        if root is None:
            return
        spec, experiments = self._spec, os.path.join(root, "experiments", file_name(self._spec.experiment))
        yield os.path.join(root, "workspace.json")
        for folder in _DOCUMENTS:
            yield from _files(os.path.join(root, folder))
        yield from _models(os.path.join(root, "models"))
        if spec.snapshot:
            yield os.path.join(root, "snapshots", f"{spec.snapshot}.zip")
        for run_id in (spec.run_id, spec.pipeline_run_id):
            yield os.path.join(root, "runs", f"{run_id}.json")
            yield os.path.join(experiments, run_id, "run")
            yield from _files(os.path.join(experiments, run_id, "events"))

    def _in_the_way(self) -> Iterator[str]:
        """What an upload must not write over is there for the runner to see."""
        places = self._outputs()
        for item in self._spec.outputs:
            if item.mode == "upload" and not item.overwrite and item.name in places:
                yield from _files(places[item.name])

    def _input(self, item: InputSpec) -> Iterator[str]:
        """The local files of an input, and its folders, which may be empty."""
        stores = {name: local_root(document.get("url")) for name, document in self._spec.datastores.items()}
        wanted = item.definition.get("paths") or []
        local = [path for path in wanted if stores.get(path.get("datastore", ""))]
        for path in local:
            place = os.path.join(str(stores[path["datastore"]]), str(path.get("path", "")).strip("/"))
            if os.path.isdir(place):
                yield place
        # With some of it elsewhere, an operation such as `take` cannot be worked out from what is here: all of it.
        definition = item.definition if len(local) == len(wanted) else {"paths": local}
        if local:
            found = datasets.resolve_files(definition, lambda name: LocalStore(str(stores[name])), missing_ok=True)
            yield from (path for path in (file.store.local_path(file.path) for file in found) if path)

    # -- and back

    @property
    def roots(self) -> list[str]:
        """The folders that everything lies below."""
        return list(self._roots)

    def changed(self, there: Iterable[str]) -> list[str]:
        """The paths to bring back, the outermost of each branch, from all paths that are new there."""
        wanted: list[str] = []
        for path in sorted(set(there) - set(self.known)):
            below_root = any(_is_below(path, root) for root in self._roots)
            if below_root and not any(_is_below(path, outer) for outer in wanted):
                wanted.append(path)
        return wanted + [place for place in self._written_into() if place not in wanted]

    def _written_into(self) -> list[str]:
        """Places of inputs that the script may write into: there, changes show only by looking."""
        found = []
        for item in self._spec.inputs:
            if item.writable and item.mode != "download":
                for name in datastores_of(item.definition):
                    root = local_root(self._spec.datastores[name].get("url"))
                    path = str(item.definition["paths"][0].get("path", "")).strip("/")
                    if root is not None:
                        found.append(os.path.join(root, path) if path else root)
        return found

    def bring_back(self, path: str, pieces: Iterable[bytes], result: StepResult | None) -> None:
        """Unpack the archive that was fetched for one path.

        Nothing that is here already is written over, but for what belongs to this run: its own folder, its outputs, and
        the inputs it may write into.

        :param result: whose manifests say the times of output files.
        :raises AzureMLException: when the archive holds something outside of the path.
        """
        times = self._times(result)
        own = self._own_places()
        for name, entry, content in tar.taken_out(pieces, path):
            if entry.isdir():
                os.makedirs(name, exist_ok=True)
            elif content is not None and self.known.get(name) != [entry.size, int(entry.mtime)]:
                _write(name, content, times.get(name), replace=any(_is_below(name, place) for place in own))

    def events_folder(self) -> str | None:
        """Where the run's events lie, which are worth looking at before the step has ended."""
        root = local_root(self._spec.workspace.get("root"))
        if root is None:
            return None
        return os.path.join(root, "experiments", file_name(self._spec.experiment), self._spec.run_id, "events")

    def _own_places(self) -> list[str]:
        root = local_root(self._spec.workspace.get("root"))
        found = [*self._written_into(), *self._outputs().values()]
        if root is not None:
            run = os.path.join(root, "experiments", file_name(self._spec.experiment), self._spec.run_id)
            found += [run, os.path.join(root, "manifests", self._spec.run_id)]
        return found

    def _outputs(self) -> dict[str, str]:
        roots = {name: local_root(document.get("url")) for name, document in self._spec.datastores.items()}
        local = [item for item in self._spec.outputs if roots.get(item.datastore)]
        return {item.name: os.path.join(str(roots[item.datastore]), item.path) for item in local}

    def _times(self, result: StepResult | None) -> Mapping[str, int]:
        """Times of output files, to the nanosecond: by them a reader knows a file without reading it."""
        found = {}
        for name, place in self._outputs().items():
            manifest = result.outputs.get(name) if result is not None else None
            if manifest is None:
                continue
            for entry in manifest.files:
                if entry.stamp.isdigit():
                    found[place if manifest.is_file else os.path.join(place, entry.path)] = int(entry.stamp)
        return found


def _write(path: str, content: IO[bytes], time_ns: int | None, *, replace: bool) -> None:
    if os.path.exists(path) and not replace:
        return  # documents that are created once: whoever was first counts
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            while True:
                piece = content.read(1 << 20)
                if not piece:
                    break
                file.write(piece)
        if time_ns is not None:
            os.utime(temporary, ns=(time_ns, time_ns))
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    except FileExistsError:
        pass  # somebody was quicker, see above
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def _files(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(parent, name)


def _models(folder: str) -> Iterator[str]:
    """The documents of all models, and the files of the newest while they are not too large."""
    files = list(_files(folder))
    data = f"{os.sep}files{os.sep}"
    yield from (path for path in files if data not in path)
    left = _MODELS
    for path in sorted((path for path in files if data in path), key=os.path.getmtime, reverse=True):
        left -= os.path.getsize(path)
        if left >= 0:
            yield path


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
