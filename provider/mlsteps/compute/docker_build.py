"""Images of environments: built once, with BuildKit where there is one, and kept in a registry when that is asked for.

The engine's own builder does it otherwise: it knows no secrets, so an environment whose package index wants a password
is refused there.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from filelock import FileLock, Timeout

from mlsteps.compute import docker_image
from mlsteps.compute.docker_engine import Engine, EngineError
from mlsteps.compute.docker_image import Image, Report
from mlsteps.compute.placement import DockerOptions
from mlsteps.compute.tar import packed
from mlsteps.environments import unused
from mlsteps.environments.image import ImagePlan
from mlsteps.environments.image import plan as plan_of
from mlsteps.environments.pip_options import redact
from mlsteps.errors import RunConfigurationException, UserErrorException
from mlsteps.registry.index_credentials import missing
from mlsteps.storage.places import home

#: Label of images that were built here: the digest of their environment.
LABEL = "mlsteps.environment"
#: Variables that an engine's builder takes by itself and keeps in no layer.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_ENDING = 30
#: Lines of BuildKit that say nothing to a person.
_DIGEST = re.compile(r"#\d+ (sha256:|transferring |CACHED$|DONE 0\.0s$)")


def plan(options: DockerOptions, environment: Mapping[str, Any] | None) -> ImagePlan:
    """What a compute target makes of an environment.

    :raises InvalidInput: for something in it that cannot be had.
    """
    if options.image:
        return ImagePlan(options.image, "python")
    return plan_of(environment, base_image=options.base_image, base_images=options.base_images)


def have(engine: Engine, plan: ImagePlan, options: DockerOptions, report: Report) -> Image:
    """The image of a plan: as the engine has it, as a registry gives it, or built now.

    :raises UserErrorException: when its base image is not to be had.
    :raises RunConfigurationException: when the build fails; the last lines of its output say why.
    """
    if not plan.digest:
        return docker_image.have(engine, plan.base, options.pull, report)
    found = docker_image.find(engine, plan.name)
    if found is None:
        with _alone(plan, report):
            found = docker_image.find(engine, plan.name) or _pulled(engine, plan, options, report)
            if found is None:
                _build(engine, plan, options, report)
                found = docker_image.find(engine, plan.name)
    if found is None:
        raise EngineError(f"The image {plan.name} was built and is not there; it may have been removed again.")
    unused.mark(_note(plan.digest))
    return found


def _note(digest: str) -> str:
    """The folder that says when an image was last of use here."""
    folder = os.path.join(home(), "cache", "images", digest[:32])
    os.makedirs(folder, exist_ok=True)
    return folder


def prune(engine: Engine, days: float) -> list[str]:
    """Remove images that were built here and that nobody has used for ``days``; their names.

    One that a container uses stays, whoever made the container.
    """
    removed = []
    with engine.told("does not list images"):
        images = engine.client.images(filters={"label": LABEL})
    for image in images:
        note = _note(str(image["Labels"][LABEL]))
        made = float(image["Created"])
        if time.time() - max(made, unused.last_use(note) if os.listdir(note) else made) > days * 86400.0:
            removed += [name for name in image.get("RepoTags") or () if _removed(engine, name)]
            shutil.rmtree(note, ignore_errors=True)
    return removed


def _removed(engine: Engine, name: str) -> bool:
    try:
        with engine.told(f"cannot remove {name}"):
            engine.client.remove_image(name)
    except EngineError as error:
        if error.status not in (404, 409):  # gone already, or in use
            raise
        return False
    return True


@contextmanager
def _alone(plan: ImagePlan, report: Report) -> Iterator[None]:
    folder = os.path.join(home(), "cache", "images")
    os.makedirs(folder, exist_ok=True)
    lock = FileLock(os.path.join(folder, f"{plan.digest[:32]}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(f"waiting for another process that builds {plan.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _pulled(engine: Engine, plan: ImagePlan, options: DockerOptions, report: Report) -> Image | None:
    """From the registry, where another machine may have put it."""
    if not options.registry:
        return None
    try:
        found = docker_image.have(engine, kept_as(plan, options), "missing", lambda line: None)
    except (EngineError, UserErrorException):
        return None  # not there yet; one that does not answer is told when the image is pushed
    report(f"pulled {found.name}")
    _tag(engine, found.id, plan.name)
    return found


def kept_as(plan: ImagePlan, options: DockerOptions) -> str:
    """The image's name in the registry."""
    return f"{options.registry}/{plan.name}"


def _tag(engine: Engine, image: str, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    with engine.told(f"cannot name an image {name}"):
        engine.client.tag(image, repository, tag)


def _build(engine: Engine, plan: ImagePlan, options: DockerOptions, report: Report) -> None:
    if plan.before is not None:
        have(engine, plan.before, options, report)
    elif plan.base:
        docker_image.have(engine, plan.base, options.pull, report)
    for note in plan.notes:
        report(note)
    started = time.monotonic()
    client = docker_client()
    report(f"building image {plan.name}" + ("" if client else ", without BuildKit"))
    log = _Log(report)
    with _context(plan) as folder:
        if client:
            _with_buildkit(engine, client, plan, folder, log)
        else:
            _with_engine(engine, plan, folder, log)
    report(f"built {plan.name} in {time.monotonic() - started:.1f} s")
    if options.registry:
        _push(engine, plan, options, report)


class _Log:
    """Lines of a build: handed on without credentials, the last ones kept."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last: list[str] = []

    def line(self, text: str) -> None:
        text = redact(text.rstrip())
        if text and not _DIGEST.match(text):
            self._report(text)
            self._last = [*self._last, text][-_ENDING:]

    def failure(self, plan: ImagePlan, why: str) -> RunConfigurationException:
        told = "\n".join(self._last)
        lines = plan.files.get("packages/requirements.txt", "").splitlines()
        return RunConfigurationException(
            f"The image {plan.name} could not be built: {why}. Its last lines:\n{told}{missing(lines)}"
        )


@contextmanager
def _context(plan: ImagePlan) -> Iterator[str]:
    """The folder that the builder is given."""
    if plan.folder:
        yield plan.folder
        return
    with tempfile.TemporaryDirectory(prefix="mlsteps-image-") as folder:
        for name, text in plan.files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        if "interpreter/make.sh" in plan.files:
            _add_uv(os.path.join(folder, "interpreter"))
        for name, path in plan.wheels.items():
            target = os.path.join(folder, "packages", "wheels", name)
            os.makedirs(os.path.dirname(target))
            shutil.copy(path, target)
        if "conda/make.sh" in plan.files:
            _add_solver(os.path.join(folder, "conda", "library"))
        yield folder


def _add_uv(folder: str) -> None:
    """This machine's ``uv``, which is quick and can bring other Pythons; the build goes on without where it does not
    run."""
    from mlsteps.environments.uv_tool import binary

    if platform.system() == "Linux":
        shutil.copy(binary(), os.path.join(folder, "uv"))


def _add_solver(folder: str) -> None:
    """This machine's ``py-rattler``: the image needs no package index for it, and does not keep it."""
    if platform.system() != "Linux":
        raise RunConfigurationException(
            "An image with conda packages is built on Linux alone: the solver of this machine does not run in it."
        )
    package = os.path.dirname(str(importlib.util.find_spec("rattler").origin))  # type: ignore[union-attr]
    shutil.copytree(package, os.path.join(folder, "rattler"), ignore=shutil.ignore_patterns("__pycache__"))


# -- BuildKit


@cache
def docker_client() -> tuple[str, ...]:
    """The Docker client and what makes it use BuildKit, or nothing: newer clients need the plugin ``buildx`` for it."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        program = os.path.join(folder, "docker")
        if os.access(program, os.X_OK):
            if _says(program, "buildx", "version"):
                return (program, "buildx", "build", "--load")
            version = _says(program, "version", "--format", "{{.Client.Version}}")
            if version.partition(".")[0].isdigit() and 18 < int(version.partition(".")[0]) < 23:
                return (program, "build")
    return ()


def _says(*command: str) -> str:
    """What a command prints when it ends well, else nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = done.stdout.strip()
    return said if done.returncode == 0 or said else ""


def _with_buildkit(engine: Engine, client: tuple[str, ...], plan: ImagePlan, folder: str, log: _Log) -> None:
    with tempfile.TemporaryDirectory(prefix="mlsteps-build-") as own:
        dockerfile = os.path.join(own, "Dockerfile")
        if not plan.folder:
            _write(dockerfile, plan.dockerfile)
        command = [*client, "--progress=plain", "--tag", plan.name, "--label", f"{LABEL}={plan.digest}"]
        command += ["--file", os.path.join(folder, plan.path) if plan.folder else dockerfile]
        for name, text in plan.secrets.items():
            _write(os.path.join(own, name), text)
            command += ["--secret", f"id={name},src={os.path.join(own, name)}"]
        command += [item for name in _PROXIES if name in os.environ for item in ("--build-arg", name)]
        code = _followed([*command, folder], {**os.environ, **engine.variables(), "DOCKER_BUILDKIT": "1"}, log)
    if code:
        raise log.failure(plan, f"docker build ended with exit code {code}")


def _followed(command: list[str], variables: Mapping[str, str], log: _Log) -> int:
    """Run a command to its end; interrupted, it takes the command with it."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=dict(variables),
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            log.line(line)
        return process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


# -- the engine's own builder


def _with_engine(engine: Engine, plan: ImagePlan, folder: str, log: _Log) -> None:
    if plan.secrets:
        raise RunConfigurationException(
            f"The image {plan.name} cannot be built: its packages come from an address with credentials, and without "
            "BuildKit these would stay in the image. Install a Docker client with the plugin buildx on the workers, or "
            "give packages by an address without credentials."
        )

    def write(archive: tarfile.TarFile) -> None:
        archive.add(folder, arcname=".")
        if not plan.folder:
            from mlsteps.compute.tar import ROOT, add_bytes

            add_bytes(archive, "/Dockerfile", ROOT, plan.classic.encode())

    arguments = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    with engine.told(f"cannot build {plan.name}"):
        events: Iterator[Mapping[str, Any]] = engine.client.build(
            fileobj=_Pieces(packed(write)),
            custom_context=True,
            dockerfile=plan.path,
            tag=plan.name,
            labels={LABEL: plan.digest},
            buildargs=arguments,
            rm=True,
            forcerm=True,
            decode=True,
        )
        for event in events:
            for line in str(event.get("stream") or "").splitlines():
                log.line(line)
            if event.get("error"):
                raise log.failure(plan, str(event["error"]))


class _Pieces:
    """Pieces of an archive as what the client takes for a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def _push(engine: Engine, plan: ImagePlan, options: DockerOptions, report: Report) -> None:
    """Keep it where other machines find it. An image that cannot be kept is used here all the same."""
    try:
        push(engine, plan, options, report)
    except EngineError as error:
        report(f"{error.message}. Other machines will build the image again.")


def push(engine: Engine, plan: ImagePlan, options: DockerOptions, report: Report) -> None:
    """Keep an image that was built here in the registry.

    :raises EngineError: when the registry does not take it.
    """
    name = kept_as(plan, options)
    _tag(engine, plan.name, name)
    with engine.told(f"cannot push {name}"):
        for event in engine.client.push(*name.rsplit(":", 1), stream=True, decode=True):
            if event.get("error"):
                raise EngineError(f"The Docker engine at {engine.url} cannot push {name}: {event['error']}")
    report(f"pushed {name}")


def is_kept(engine: Engine, name: str) -> bool:
    """Whether a registry has an image; one that does not say so to us has not."""
    try:
        with engine.told(f"does not find {name}"):
            engine.client.inspect_distribution(name)
    except EngineError as error:
        if error.status is None:  # the engine itself does not answer
            raise
        return False
    return True
