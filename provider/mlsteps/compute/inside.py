"""What a container holds of mlsteps, wherever it runs: places, the command that starts the runner, files put in.

Images are taken as they are. mlsteps comes in beside them, read-only, and needs nothing of an image but a Python::

    /mlsteps/runtime/mlsteps   the package, which brings ``azureml`` along
    /mlsteps/spec.json         the ``StepSpec``
    /mlsteps/work/<run id>     the step's work directory
    /mlsteps/home              MLSTEPS_HOME, and HOME of a user that the image does not know
    /mlsteps/answer            takes the ``StepResult``
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

import mlsteps
from mlsteps.contracts.spec import StepSpec

ROOT = "/mlsteps"
RUNTIME = f"{ROOT}/runtime"
SPEC = f"{ROOT}/spec.json"
HOME = f"{ROOT}/home"
ANSWER = f"{ROOT}/answer/result.json"
#: The oldest Python that the runner knows.
OLDEST = (3, 8)

#: As in :mod:`.local`: an isolated interpreter that finds mlsteps last, so that nothing is shadowed.
BOOT = """
import sys
sys.path.append(sys.argv.pop(1))
from mlsteps.runner.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def command(interpreter: str) -> list[str]:
    """The program of the container, with its arguments."""
    return [interpreter, "-I", "-c", BOOT, RUNTIME, SPEC, ANSWER]


def moved_in(spec: StepSpec) -> StepSpec:
    """The spec as the runner inside sees it: with a work directory that exists there."""
    return replace(spec, work_directory=f"{ROOT}/work/{spec.run_id}")


def package() -> str:
    """The folder of the package that runs now."""
    return os.path.dirname(os.path.abspath(mlsteps.__file__))


def skeleton(spec: StepSpec, owner: tuple[int, int] | None) -> bytes:
    """A tar archive of what every container is given before it starts, to be unpacked at ``/``.

    :param owner: uid and gid of the step; None when they are not known: then anybody may write where the step has to.
    """
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(_folder(ROOT, (0, 0), 0o755))
        archive.addfile(_folder(RUNTIME, (0, 0), 0o755))
        for path in (HOME, f"{ROOT}/work", os.path.dirname(ANSWER)):
            archive.addfile(_folder(path, owner or (0, 0), 0o755 if owner else 0o777))
        data = json.dumps(spec.to_json()).encode("utf-8", "surrogatepass")
        archive.addfile(_entry(SPEC, (0, 0), 0o644, len(data)), io.BytesIO(data))
    return made.getvalue()


def add_package(archive: tarfile.TarFile) -> None:
    """The package itself, for containers that cannot see the folder it lies in."""
    root = package()
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(parent, name)
            entry = _entry(f"{RUNTIME}/mlsteps/{os.path.relpath(path, root)}", (0, 0), 0o644, os.path.getsize(path))
            with open(path, "rb") as file:
                archive.addfile(entry, file)


def read_spec(data: bytes) -> StepSpec:
    """The spec that :func:`skeleton` put in."""
    return StepSpec.from_json(json.loads(data.decode("utf-8", "surrogatepass")))


def files_in(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the regular files of a tar stream."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is not None:
                yield entry.name, content.read()


def _folder(path: str, owner: tuple[int, int], mode: int) -> tarfile.TarInfo:
    entry = _entry(path, owner, mode, 0)
    entry.type = tarfile.DIRTYPE
    return entry


def _entry(path: str, owner: tuple[int, int], mode: int, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.uid, entry.gid = owner
    entry.mode, entry.size, entry.mtime = mode, size, time.time()
    return entry
