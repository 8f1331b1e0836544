"""Curated environments: names such as ``AzureML-sklearn-1.0-ubuntu20.04-py38-cpu``, which Azure ships as images.

Those images cannot be had elsewhere, and most are retired. The name still says what is in them: a library, its version
and a Python. mlsteps makes of it an environment of exact versions (:mod:`.curated_releases`) that a package index has
today, for each Python that a step may find: the version that the name asks for where there are wheels of it for that
Python, else the nearest. A workspace may say otherwise (:mod:`mlsteps.registry.curated`).
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Tuple

from mlsteps.errors import UserErrorException
from mlsteps.sdk.curated_releases import FAMILIES, NAMES, PYTHONS, Family, Release, Version

if TYPE_CHECKING:
    from mlsteps.storage.workspace_store import WorkspaceStore

PREFIX = "AzureML-"
_noticed: set[str] = set()


class Curated(NamedTuple):
    """What a name stands for.

    :param conda: a conda document; each package once for every range of Pythons, with a marker that says which.
    :param notes: what differs from what the name says, for a person.
    """

    conda: Dict[str, Any]
    notes: Tuple[str, ...]


def is_curated(name: str) -> bool:
    """Whether a name is one of Azure's."""
    return name.lower().startswith(PREFIX.lower())


def resolve(name: str) -> Curated:
    """The environment that a curated name stands for here.

    :raises UserErrorException: when the name holds no library that is known; names those that are nearest to it.
    """
    family, version = _meant(name)
    if not family.releases:
        return Curated(_conda("", ()), ())
    wanted = version or family.usual
    chosen = {minor: _nearest(family, wanted, minor) for minor in PYTHONS}
    minor, note = _python(name, family, wanted)
    notes = [note] if note else []
    exact = _nearest(family, wanted, minor or PYTHONS[0])
    if version and exact[: len(version)] != version[: len(exact)]:
        notes.append(f"{_text(version)} cannot be had any more; {_text(exact)} is the nearest to it")
    return Curated(_conda(f"3.{minor}" if minor else "", _pinned(family, chosen)), tuple(notes))


def document(ws: WorkspaceStore, name: str, say: Callable[[str], None] | None = None) -> Dict[str, Any]:
    """The Environment document that a curated name stands for in a workspace.

    :param say: called, once in a process for each name, with what stands for Azure's image.
    :raises UserErrorException: for a name that is not known; names the nearest.
    """
    from mlsteps.registry.curated import mapped

    said = mapped(ws, name)
    if said is not None:
        return said
    found = resolve(name)
    if say is not None and name not in _noticed:
        _noticed.add(name)
        say(_notice(name, found))
    return _environment(name, found)


def documents(ws: WorkspaceStore) -> Dict[str, Dict[str, Any]]:
    """Of every name that is listed, what it stands for in a workspace."""
    from mlsteps.registry.curated import mapped, mappings

    said = mappings(ws)
    return {name: mapped(ws, name, said) or _environment(name, resolve(name)) for name in NAMES}


def _environment(name: str, found: Curated) -> Dict[str, Any]:
    return {"name": name, "python": {"user_managed_dependencies": False, "conda": found.conda}}


def _notice(name: str, found: Curated) -> str:
    packages = ", ".join(dict.fromkeys(re.split(r"[=;]", text)[0] for text in requirements(found.conda)))
    return (
        f"The environment {name} is an image of Azure; here it is made of {packages}, in versions that can be had "
        f"today (airflow mlsteps environment show {name})." + "".join(f" Note: {note}." for note in found.notes)
    )


def requirements(conda: Dict[str, Any]) -> List[str]:
    """The pip requirements in a conda document."""
    return [line for item in conda["dependencies"] if isinstance(item, dict) for line in item["pip"]]


def _meant(name: str) -> Tuple[Family, Version]:
    """Family and version that a name holds; () for no version."""
    rest = name[len(PREFIX) :].lower()
    for family in FAMILIES:
        for mark in family.marks:
            if mark in rest:
                match = re.match(r"[-_]?(\d+(?:\.\d+)*)", rest.partition(mark)[2])
                return family, tuple(map(int, match.group(1).split("."))) if match and family.releases else ()
    nearest = difflib.get_close_matches(name, NAMES, 3, 0.0)
    raise UserErrorException(
        f"There is no curated environment {name!r}. The nearest names are {', '.join(nearest)}. To mend it: take one "
        f"of them, or say what it shall be in this workspace: airflow mlsteps environment map {name} MY-ENVIRONMENT."
    )


def _nearest(family: Family, wanted: Version, minor: int) -> Version:
    """The release for Python 3.``minor``: the one asked for, else the next newer one, else the newest there is."""
    there = sorted(version for version, release in family.releases.items() if release.serves(minor))
    newest = max(family.releases)
    return next((item for item in there if item >= wanted[: len(item)]), there[-1] if there else newest)


def _python(name: str, family: Family, wanted: Version) -> Tuple[int | None, str]:
    """The minor version of Python to ask for, and a note where it is another than the name says.

    A name that says no Python gets the newest that its release has wheels for; one that says no version either is
    for any.
    """
    match = re.search(r"py3\.?(\d+)", name.lower())
    said = int(match.group(1)) if match else None
    if said is None and not _meant(name)[1]:
        return None, ""
    oldest = _nearest(family, wanted, PYTHONS[0])
    having = [minor for minor in PYTHONS if _serves(family, wanted, minor)]
    having = having or [minor for minor in PYTHONS if family.releases[oldest].serves(minor)]
    if said is None:
        return having[-1], ""
    near = min(having, key=lambda minor: (abs(minor - said), minor))
    return near, "" if near == said else f"Python 3.{said} cannot be had any more; 3.{near} is asked for"


def _serves(family: Family, wanted: Version, minor: int) -> bool:
    exact = _nearest(family, wanted, minor)
    return exact[: len(wanted)] == wanted[: len(exact)] and family.releases[exact].serves(minor)


def _pinned(family: Family, chosen: Dict[int, Version]) -> Iterator[str]:
    """Requirements of all releases, each for the Pythons that it was chosen for."""
    spans = list(_spans({minor: family.releases[version] for minor, version in chosen.items()}))
    for package in dict.fromkeys(name for release, _, _ in spans for name in release.pins()):
        versions = [(release.pins().get(package), first, last) for release, first, last in spans]
        for version, first, last in _merged(versions):
            marker = _marker(first, last)
            yield f"{package}=={version}" + (f"; {marker}" if marker else "")


def _spans(chosen: Dict[int, Release]) -> Iterator[Tuple[Release, int, int]]:
    start = PYTHONS[0]
    for minor in PYTHONS:
        if chosen.get(minor + 1) != chosen[minor]:
            yield chosen[minor], start, minor
            start = minor + 1


def _merged(versions: Iterable[Tuple[str | None, int, int]]) -> List[Tuple[str, int, int]]:
    """Neighbouring ranges of one version as one."""
    answer: List[Tuple[str, int, int]] = []
    for version, first, last in versions:
        if version is None:
            continue
        if answer and answer[-1][0] == version and answer[-1][2] == first - 1:
            answer[-1] = (version, answer[-1][1], last)
        else:
            answer.append((version, first, last))
    return answer


def _marker(first: int, last: int) -> str:
    """The environment marker of a range of Pythons; the ends of all are open."""
    parts = [f'python_version >= "3.{first}"'] if first > PYTHONS[0] else []
    parts += [f'python_version < "3.{last + 1}"'] if last < PYTHONS[-1] else []
    return " and ".join(parts)


def _conda(python: str, packages: Iterable[str]) -> Dict[str, Any]:
    asked = [f"python={python}"] if python else []
    return {"channels": ["conda-forge"], "dependencies": [*asked, {"pip": ["azureml-defaults", *packages]}]}


def _text(version: Version) -> str:
    return ".".join(map(str, version))
