"""What a container holds of mlsteps, wherever it runs: places, the command that starts the runner, files put in.

Images are taken as they are. mlsteps comes in beside them, read-only, and needs nothing of an image but a Python::

    /mlsteps/runtime/mlsteps   the package, which brings ``azureml`` along
    /mlsteps/spec.json         the ``StepSpec``
    /mlsteps/work/<run id>     the step's work directory
    /mlsteps/home              MLSTEPS_HOME, and HOME of a user that the image does not know
    /mlsteps/answer            takes the ``StepResult``
    /mlsteps/drivers           storage drivers for the runner alone, where a store needs one
    /mlsteps/others.json       what the other nodes of a step have made, for the first of them
    /mlsteps/bytecode          byte code of what the runner imports, where there is some
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import replace

import mlsteps
from mlsteps.compute import tar
from mlsteps.compute.tar import Owner, add_bytes, folder_entry
from mlsteps.contracts.spec import StepSpec

ROOT = "/mlsteps"
RUNTIME = f"{ROOT}/runtime"
SPEC = f"{ROOT}/spec.json"
HOME = f"{ROOT}/home"
ANSWER = f"{ROOT}/answer/result.json"
DRIVERS = f"{ROOT}/drivers"
BYTECODE = f"{ROOT}/bytecode"
OTHERS = f"{ROOT}/others.json"
#: The oldest Python that the runner knows.
OLDEST = (3, 7)

#: As in :mod:`.local`: an isolated interpreter that finds mlsteps last, so that nothing is shadowed. Drivers come
#: first, as an image may have others, of another age, for the script. Other byte code is for the start alone.
BOOT = """
import sys
drivers, runtime = sys.argv.pop(2), sys.argv.pop(1)
sys.path[:0] = [drivers] if drivers else []
sys.path.append(runtime)
from mlsteps.runner.__main__ import main
sys.pycache_prefix = None
sys.exit(main(sys.argv[1:]))
"""
#: Leaves the byte code of what that imports.
_COMPILE = """
import sys
sys.path.append(sys.argv.pop(1))
import mlsteps.runner.__main__
"""


def command(interpreter: str, packages: Mapping[str, str], mounted: Iterable[str] = ()) -> list[str]:
    """The program of the container, with its arguments.

    :param packages: what :func:`packages` says.
    :param mounted: what is mounted inside; ``BYTECODE`` may be.
    """
    start = [interpreter, "-I", *(_PREFIX if BYTECODE in mounted else ()), "-c", BOOT]
    return [*start, RUNTIME, DRIVERS if DRIVERS in packages else "", SPEC, ANSWER]


def compile_command(interpreter: str) -> list[str]:
    """A program that writes to ``BYTECODE``."""
    return [interpreter, "-I", *_PREFIX, "-c", _COMPILE, RUNTIME]


_PREFIX = ("-X", f"pycache_prefix={BYTECODE}")


def moved_in(spec: StepSpec) -> StepSpec:
    """The spec as the runner inside sees it: with a work directory that exists there."""
    return replace(spec, work_directory=f"{ROOT}/work/{spec.run_id}")


def skeleton(archive: tarfile.TarFile, spec: StepSpec, owner: Owner) -> None:
    """What a container is given before it starts, in an archive that is unpacked at ``/``.

    :param owner: the step's user.
    """
    archive.addfile(folder_entry(ROOT, tar.ROOT))
    archive.addfile(folder_entry(RUNTIME, tar.ROOT))
    for path in (HOME, f"{ROOT}/work", os.path.dirname(ANSWER)):
        archive.addfile(folder_entry(path, owner))
    add_bytes(archive, SPEC, tar.ROOT, written_spec(spec))


def written_spec(spec: StepSpec) -> bytes:
    """The spec as a file for the runner inside."""
    return json.dumps(moved_in(spec).to_json()).encode("utf-8", "surrogatepass")


def packages(drivers: str | None) -> dict[str, str]:
    """Folders of this machine that the runner is made of, by where they are inside."""
    found = {f"{RUNTIME}/mlsteps": os.path.dirname(os.path.abspath(mlsteps.__file__))}
    return {**found, DRIVERS: drivers} if drivers else found


def add_folder(archive: tarfile.TarFile, root: str, target: str) -> None:
    """A folder of this machine, for containers that cannot see it."""
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                add_bytes(archive, f"{target}/{os.path.relpath(path, root)}", tar.ROOT, file.read())


def read_spec(data: bytes) -> StepSpec:
    """The spec that :func:`skeleton` put in."""
    return StepSpec.from_json(json.loads(data.decode("utf-8", "surrogatepass")))
