"""Files to a machine that is reached by SSH, and back: there, all are below the step's own folder."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlsteps.compute import files, inside, keeper
from mlsteps.compute.carried import LIST, Carried
from mlsteps.compute.places import local_root
from mlsteps.compute.talk import Talk
from mlsteps.compute.tar import ROOT, add_bytes, packed
from mlsteps.contracts.spec import StepSpec


class Files(files.Files):
    """The files of one step.

    :param root: its folder there.
    """

    def __init__(
        self, spec: StepSpec, carried: Carried | None, root: str, packages: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(spec, carried, packages)
        self._root = root

    @classmethod
    def left(cls, talk: Talk, spec: StepSpec, root: str) -> Files:
        """Those of a step that another process began."""
        known = talk.ask("look", [LIST])["files"][LIST]
        return cls(spec, None if known is None else Carried(spec, known), root)

    def put_in(self, talk: Talk) -> None:
        """Everything that has to be there before the runner starts."""
        spec = moved(self._spec, self._root)
        command = [placed(word, self._root) for word in inside.command(spec.interpreter, self._packages)]

        def write(archive: tarfile.TarFile) -> None:
            inside.skeleton(archive, spec, ROOT)
            for path, document in ((inside.SPEC, spec.to_json()), (keeper.COMMAND, command)):
                add_bytes(archive, path, ROOT, _text(document))
            for target, root in self._packages.items():
                inside.add_folder(archive, root, target)
            if self._carried is not None:
                self._carried.pack(archive, ROOT)
                for path, document in self._documents():
                    add_bytes(archive, path, ROOT, _text(document))

        talk.ask("put", pieces=packed(write))

    def _documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Datastores of the workspace that name a folder of this machine, as they are there."""
        root = local_root(self._spec.workspace.get("root"))
        folder = os.path.join(root, "datastores") if root else ""
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), "rb") as file:
                document = json.load(file)
            url = str(document.get("url") or "")
            if os.path.isabs(url.partition("://")[2] or url) and local_root(url):
                yield os.path.join(folder, name), {**document, "url": _carried_to(url, self._root)}


def moved(spec: StepSpec, root: str) -> StepSpec:
    """The spec as the runner there sees it."""
    workspace, datastores = dict(spec.workspace), {name: dict(item) for name, item in spec.datastores.items()}
    if workspace.get("root"):
        workspace["root"] = _carried_to(workspace["root"], root)
    for document in datastores.values():
        if document.get("url"):
            document["url"] = _carried_to(document["url"], root)
    work = placed(inside.moved_in(spec).work_directory, root)
    return replace(spec, workspace=workspace, datastores=datastores, work_directory=work)


def placed(word: str, root: str) -> str:
    """A path as a container has it, where it lies there; any other word as it is."""
    return root + word[len(inside.ROOT) :] if word.startswith(inside.ROOT + "/") else word


def _carried_to(url: str, root: str) -> str:
    """Where the folder of a local store lies there; another store's address as it is."""
    local = local_root(url)
    return f"{root}/files{local}" if local else url


def _text(document: Any) -> bytes:
    return json.dumps(document).encode("utf-8", "surrogatepass")
