"""Images: had when they are needed, and asked once which Python they hold."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mlsteps.compute.docker_engine import Engine, EngineError
from mlsteps.compute.inside import OLDEST
from mlsteps.environments.drivers import Python, platform_of
from mlsteps.errors import RunConfigurationException, UserErrorException
from mlsteps.storage.places import home

Report = Callable[[str], None]

#: What the engine answers when it has no such program, in its various versions.
_NO_PROGRAM = ("executable file not found", "no such file or directory", "not found in $path", "permission denied")
#: Runs on every Python there is; says where it lies and what it is.
_ASK = """
import json, platform, sys
libc = getattr(platform, "libc_ver", lambda: ("", ""))()[0]
print(json.dumps([sys.executable, list(sys.version_info[:3]), platform.machine(), libc]))
"""
_NOT_THERE = (
    "not found",
    "manifest unknown",
    "does not exist",
    "access denied",
    "unauthorized",
    "authorization failed",
)


class Image(NamedTuple):
    """An image that the engine has: ``name`` as it was asked for, ``id``, and the ``user`` it runs as."""

    name: str
    id: str
    user: str


def find(engine: Engine, name: str) -> Image | None:
    """The image when the engine has it."""
    try:
        with engine.told(f"does not say whether it has the image {name}"):
            found = engine.client.inspect_image(name)
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    return Image(name, found["Id"], (found.get("Config") or {}).get("User") or "")


def have(engine: Engine, name: str, pull: str, report: Report) -> Image:
    """The image, pulled as the policy says: ``missing``, ``always`` or ``never``.

    :raises UserErrorException: when nobody has it, or the registry does not give it to us.
    :raises EngineError: when the registry does not answer.
    """
    found = None if pull == "always" else find(engine, name)
    if found is None and pull == "never":
        raise UserErrorException(
            f"The engine at {engine.url} has no image {name!r}, and pull is 'never'. Load it there, or set pull to "
            "'missing'."
        )
    if found is None:
        _pull(engine, name, report)
        found = find(engine, name)
    if found is None:
        raise EngineError(f"The image {name} was pulled and is not there; it may have been removed again.")
    return found


def _pull(engine: Engine, name: str, report: Report) -> None:
    report(f"pulling image {name}")
    started = time.monotonic()
    try:
        with engine.told(f"cannot pull {name}"):
            for event in engine.client.pull(*_parts(name), stream=True, decode=True):
                if event.get("error"):
                    raise EngineError(f"The Docker engine at {engine.url} cannot pull {name}: {event['error']}")
    except EngineError as error:
        if any(word in error.message.lower() for word in _NOT_THERE):
            raise UserErrorException(
                f"{error.message}. Expected an image that its registry gives out; name the registry's connection as "
                "docker_conn_id of the compute target when it needs a login."
            ) from error
        raise
    report(f"pulled {name} in {time.monotonic() - started:.1f} s")


def _parts(name: str) -> tuple[str, str | None]:
    """Repository and tag; without a tag the client would pull all there are."""
    last = name.rpartition("/")[2]
    if "@" in name:
        return name, None
    return (name, "latest") if ":" not in last else (name.rpartition(":")[0], name.rpartition(":")[2])


def python_of(engine: Engine, image: Image, wanted: str) -> Python:
    """The image's Python, its path absolute; found by running it once, remembered by the image's id.

    :param wanted: a name or path; ``python`` also finds ``python3``.
    :raises UserErrorException: when the image has none, or one that is too old.
    """
    note = os.path.join(home(), "cache", "images", f"{image.id.replace(':', '-')}.python.json")
    known = _read(note)
    if wanted not in known:
        known = {**known, wanted: _ask(engine, image, wanted)}
        _write(note, known)
    path, version, machine, libc = known[wanted]
    if tuple(version) < OLDEST:
        found, oldest = (".".join(map(str, number)) for number in (version, OLDEST))
        raise UserErrorException(
            f"The image {image.name} has Python {found} as {wanted!r}. Expected Python {oldest} or newer: take another "
            "image, or name another interpreter of it as python.interpreter_path of the environment."
        )
    return Python(path, tuple(version), platform_of(machine, libc))


def _ask(engine: Engine, image: Image, wanted: str) -> list[Any]:
    for name in ("python", "python3") if wanted == "python" else (wanted,):
        answer = _run(engine, image, name)
        if answer is not None:
            return answer
    raise UserErrorException(
        f"The image {image.name} has no {wanted!r}, which the step has to run with. Expected an image with Python "
        f"{'.'.join(map(str, OLDEST))} or newer on its PATH, or python.interpreter_path of the environment to say "
        "where it is."
    )


def _run(engine: Engine, image: Image, program: str) -> list[Any] | None:
    """What a Python of the image says of itself; None when there is no such program."""
    client = engine.client
    with engine.told(f"cannot run {image.name}"):
        made = client.create_container(
            image.id, entrypoint=[program, "-I", "-c", _ASK], command=[], network_disabled=True, labels=PROBE
        )["Id"]
        try:
            try:
                with engine.told(f"cannot start {image.name}"):
                    client.start(made)
            except EngineError as error:
                if any(text in error.message.lower() for text in _NO_PROGRAM):
                    return None
                raise
            code = client.wait(made)["StatusCode"]
            said = client.logs(made, stdout=True, stderr=False).decode("utf-8", "replace")
        finally:
            client.remove_container(made, force=True)
    try:
        answer: list[Any] = json.loads(said)
        return answer
    except ValueError:
        raise RunConfigurationException(
            f"{program!r} of the image {image.name} is no Python: it ended with exit code {code} and said "
            f"{said[-200:]!r}"
        ) from None


#: Marks containers that only ask something.
PROBE = {"mlsteps.probe": "1"}


def shares_files(engine: Engine, image: Image) -> bool:
    """Whether the engine sees this machine's files: a file of ours is looked for through a mount, once an engine."""
    with engine.told("does not say which it is"):
        identity = str(engine.client.info().get("ID"))
    note = os.path.join(home(), "cache", "images", "engines.json")
    key = f"{engine.url} {identity} {home()}"
    known = _read(note)
    if key not in known:
        known = {**known, key: _look(engine, image)}
        _write(note, known)
    return bool(known[key])


def _look(engine: Engine, image: Image) -> bool:
    """Nothing is started: what is mounted into a container can be read from one that never ran."""
    from docker.types import Mount

    folder = os.path.join(home(), "cache", "images", "shared")
    name, client = f"{os.getpid()}-{time.time_ns()}", engine.client
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "x", encoding="ascii"):
        pass
    try:
        with engine.told("mounts nothing"):
            config = client.create_host_config(mounts=[Mount("/mlsteps-look", folder, type="bind", read_only=True)])
            made = client.create_container(image.id, ["-"], host_config=config, labels=PROBE)["Id"]
            try:
                client.get_archive(made, f"/mlsteps-look/{name}")[0].close()
                return True
            finally:
                client.remove_container(made, force=True)
    except EngineError as error:
        if error.status is None:
            raise
        return False  # no such folder there, or not with that file in it
    finally:
        os.unlink(path)


def _read(path: str) -> Mapping[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            known: Mapping[str, Any] = json.load(file)
            return known
    except (FileNotFoundError, ValueError):
        return {}


def _write(path: str, known: Mapping[str, Any]) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(known, file)
    os.replace(temporary, path)
