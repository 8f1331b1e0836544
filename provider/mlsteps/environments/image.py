"""An Environment document as an image: a Dockerfile that a person can read, and the files it wants.

The order of its layers is that of their cost and of how seldom they change: what it starts from, the interpreter, the
packages, the user. What installs the packages reads its requirements from one file and the addresses that hold
credentials from another, a secret of the build that no layer keeps.
"""

from __future__ import annotations

import fnmatch
import inspect
import json
import os
import re
import shlex
from typing import Any, Iterable, Mapping, NamedTuple

from mlsteps.contracts.codec import digest_of
from mlsteps.environments import conda_install, conda_solver, image_scripts, machine, python_versions, wheels
from mlsteps.environments.conda_to_pip import PipPlan
from mlsteps.environments.pip_options import redact
from mlsteps.errors import InvalidInput
from mlsteps.registry.index_credentials import bare, signed

#: Raise when images made by the release before must not be used any more.
FORMAT = 1
#: What images start from where neither the environment nor the compute target says it.
BASE_IMAGE = "python:{python}-slim"
#: The interpreter of images that are built here.
PYTHON = "/opt/mlsteps/env/bin/python"
#: Repository of built images, on the engine and in a registry.
REPOSITORY = "mlsteps-env"
#: Names of the build's secret files.
INDEXES, CHANNELS = "indexes.txt", "channels.json"


class ImagePlan(NamedTuple):
    """What to do for an environment.

    :param base: an image to take as it is, or to start from; "" when :attr:`folder` or :attr:`dockerfile` stand alone.
    :param dockerfile: text of the Dockerfile; "" when ``base`` is taken as it is. :param classic: the same for
        builders without BuildKit.
    :param files: what lies beside the Dockerfile, by name.
    :param wheels: files of this machine that lie in ``packages/wheels`` there, by name.
    :param folder: the folder with the files of a Dockerfile of the person's own, and ``path`` of that in it.
    :param before: the image to build first, which ``base`` then names.
    :param secrets: files that hold credentials, by name: requirements lines, headers for the hosts of conda channels.
    :param python: the interpreter in the image.
    :param digest: of everything that counts; it names the image.
    :param notes: what was left out or replaced, for a person.
    """

    base: str
    python: str
    digest: str = ""
    dockerfile: str = ""
    classic: str = ""
    files: Mapping[str, str] = {}
    wheels: Mapping[str, str] = {}
    folder: str = ""
    path: str = "Dockerfile"
    before: ImagePlan | None = None  # type: ignore[misc]
    secrets: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The image, when it has to be built."""
        return f"{REPOSITORY}:{self.digest[:32]}"


def plan(
    document: Mapping[str, Any] | None, *, base_image: str | None = None, base_images: Mapping[str, str] | None = None
) -> ImagePlan:
    """The image for an Environment document.

    :param base_image: what to start from where the document names nothing; ``{python}`` is the version it asks for.
    :param base_images: what to take in place of images that the document names, by patterns such as
        ``mcr.microsoft.com/azureml/*``.
    :raises InvalidInput: for a package that cannot be had, or a build context that is not there.
    """
    document = document or {}
    section, docker = document.get("python") or {}, document.get("docker") or {}
    managed = bool(section.get("user_managed_dependencies"))
    packages = PipPlan("", ()) if managed else conda_solver.plan(section.get("conda"))
    python = str(section.get("interpreter_path") or "python") if managed else PYTHON
    own = _own_dockerfile(docker)
    if own is not None and managed:
        return own._replace(python=python)
    named = docker.get("base_image")
    base = own.name if own is not None else _base(named, packages, base_image, base_images or {})
    made_for_it = not packages.python or "{python}" in (base_image or BASE_IMAGE)
    bare_python = not packages.requirements and not packages.conda
    if managed or (bare_python and not named and own is None and made_for_it):
        return ImagePlan(base, python if managed else "python", notes=packages.notes)
    return _with_packages(str(document.get("name") or ""), base, packages, own)


def _base(named: str | None, packages: PipPlan, default: str | None, instead: Mapping[str, str]) -> str:
    image = named or default or BASE_IMAGE
    for pattern, other in instead.items():
        if named and fnmatch.fnmatch(named, pattern):
            image = other
            break
    return image.replace("{python}", _version(packages.python))


def _version(asked: str) -> str:
    """The minor version that a specifier names first, or the oldest that runs a step; the running one when it names
    none."""
    match = re.search(r"(\d+)\.(\d+)", asked)
    if match is None:
        return "{}.{}".format(*python_versions.running().version)
    named = (int(match.group(1)), int(match.group(2)))
    return match.group(0) if python_versions.strict() else "{}.{}".format(*max(named, python_versions.OLDEST))


def _own_dockerfile(docker: Mapping[str, Any]) -> ImagePlan | None:
    """The image of a Dockerfile that a person wrote, or of a build context."""
    text = docker.get("base_dockerfile")
    if text:
        digest = digest_of({"format": FORMAT, "dockerfile": text})
        return ImagePlan("", "python", digest, str(text), str(text))
    context = docker.get("build_context")
    if not context:
        return None
    folder, path = str(context["location"]), str(context.get("dockerfile_path") or "Dockerfile")
    if not os.path.isfile(os.path.join(folder, path)):
        raise InvalidInput(f"The build context {folder} holds no {path}", expected="a folder with that Dockerfile")
    from mlsteps.storage.digests import tree_manifest

    digest = digest_of({"format": FORMAT, "tree": tree_manifest(folder).tree, "path": path})
    return ImagePlan("", "python", digest, folder=folder, path=path)


def _with_packages(name: str, base: str, packages: PipPlan, before: ImagePlan | None) -> ImagePlan:
    version = _version(packages.python) if packages.python else ""
    settings = machine.settings() if packages.requirements else {}
    given = [*packages.lines, *_indexes(os.environ), *packages.requirements]
    given, carried = wheels.carried(given)
    lines = [signed(line) for line in given]
    files, secrets = {"interpreter/make.sh": image_scripts.INTERPRETER}, {}
    if packages.conda:
        addresses, headers = conda_solver.logins(packages.channels)
        files.update(_conda_files(packages, addresses))
        secrets.update({CHANNELS: json.dumps(headers)} if headers else {})
    if packages.requirements:
        files["packages/install.sh"] = image_scripts.packages(packages.flags, settings)
        files["packages/requirements.txt"] = "".join(f"{_shown(line)}\n" for line in lines)
    if settings.get("constraints"):
        files["packages/constraints.txt"] = "".join(f"{line}\n" for line in settings["constraints"])  # type: ignore[attr-defined]
    counts = {
        "format": FORMAT,
        "base": base,
        "python": packages.python,
        "strict": python_versions.strict(),
        "requirements": sorted(packages.requirements and map(bare, lines)),
        "flags": sorted(packages.flags),
        "settings": settings,
        **({"conda": sorted(packages.conda), "channels": list(map(bare, packages.channels))} if packages.conda else {}),
    }
    private = "".join(f"{line}\n" for line in lines if redact(line) != line)
    secrets.update({INDEXES: private} if private else {})
    text, classic = (
        _dockerfile(name, base, version, packages, secrets=secrets, buildkit=buildkit) for buildkit in (True, False)
    )
    return ImagePlan(
        base,
        PYTHON,
        digest_of(counts),
        text,
        classic,
        files=files,
        wheels=carried,
        before=before,
        secrets=secrets,
        notes=packages.notes,
    )


def _conda_files(packages: PipPlan, channels: list[str]) -> dict[str, str]:
    """What solves the conda packages in the image, and for what; the solver itself is added when it is built."""
    wanted = {"specs": sorted(packages.conda), "channels": channels}
    return {
        "conda/make.sh": image_scripts.CONDA,
        "conda/conda_install.py": inspect.getsource(conda_install),
        "conda/conda.json": json.dumps(wanted, indent=1) + "\n",
    }


def _shown(line: str) -> str:
    """A line as the file beside the Dockerfile has it. One with credentials is a remark there: a new one is a new
    layer, and what it hides comes as a secret."""
    return line if redact(line) == line else f"# {bare(line)}"


def _indexes(variables: Mapping[str, str]) -> Iterable[str]:
    """The machine's own package indexes, where they can be reached from elsewhere, as requirements lines."""
    from mlsteps.environments.uv_tool import environment

    known = environment(variables)
    for variable, option in (("UV_DEFAULT_INDEX", "--index-url"), ("UV_INDEX", "--extra-index-url")):
        for url in known.get(variable, "").split():
            if url.startswith(("https://", "http://")):
                yield f"{option} {url}"


def _dockerfile(name: str, base: str, python: str, plan: PipPlan, *, secrets: Mapping[str, str], buildkit: bool) -> str:
    """The text. With BuildKit what the scripts want is there while they run; without, it is copied into the image."""
    about = re.sub(r"\s+", " ", name) or "an environment without a name"
    near = "strict" if python_versions.strict() else "near"
    make = f"sh /build/interpreter/make.sh {shlex.quote(python or 'any')} {near}"
    parts = [
        f"# Made by mlsteps for {about}. What it says is what its tag is made of.",
        f"FROM {base}",
        "USER root",
        "ENV UV_PYTHON_INSTALL_DIR=/opt/mlsteps/python UV_LINK_MODE=copy",
        "",
        *_interpreter(make, plan, secrets, buildkit),
    ]
    if plan.requirements:
        more = [_CACHE, *_secret(INDEXES, secrets)]
        parts += ["", "# The packages: the slow part, made again only when one of its files has changed."]
        wanted = ["interpreter", "packages"] if buildkit else ["packages"]
        parts += _run("sh /build/packages/install.sh", wanted, more, buildkit)
    parts += [
        "",
        "# Steps bring everything else along, and need no rights here.",
        "ENV PATH=/opt/mlsteps/env/bin:$PATH VIRTUAL_ENV=/opt/mlsteps/env HOME=/mlsteps/home",
        "USER 1000:1000",
        "",
    ]
    return "\n".join(parts)


_CACHE = "type=cache,target=/build/cache"


def _interpreter(make: str, plan: PipPlan, secrets: Mapping[str, str], buildkit: bool) -> list[str]:
    if not plan.conda:
        return ["# The interpreter.", *_run(make, ["interpreter"], [], buildkit)]
    about = "# The interpreter and what conda's channels have: solved and installed by py-rattler, which stays outside."
    mounts = [_CACHE, *_secret(CHANNELS, secrets)]
    return [about, *_run("sh /build/conda/make.sh", ["interpreter", "conda"], mounts, buildkit)]


def _secret(name: str, secrets: Mapping[str, str]) -> list[str]:
    return [f"type=secret,id={name},target=/build/secret/{name}"] if name in secrets else []


def _run(command: str, folders: Iterable[str], mounts: Iterable[str], buildkit: bool) -> list[str]:
    if not buildkit:
        return [*(f"COPY {folder} /build/{folder}" for folder in folders), f"RUN {command}"]
    bound = [f"type=bind,source={folder},target=/build/{folder}" for folder in folders]
    return ["RUN " + "".join(f"--mount={mount} \\\n    " for mount in (*bound, *mounts)) + command]
