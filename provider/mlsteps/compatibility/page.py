"""``docs/compatibility.md``: every name of the SDK and which of the three it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby

from mlsteps.compatibility import names, status
from mlsteps.compatibility.status import State, Status
from mlsteps.sdk.surface.refused import PACKAGES
from mlsteps.sdk.surface.supported import SDK_VERSION

_BEGINNING = f"""# Compatibility with the Azure ML SDK v1

Every public name of the SDK ({SDK_VERSION}: `azureml.core`, `azureml.data`, `azureml.pipeline`, `azureml.train`,
`azureml.widgets`) is one of three:

* **supported**: it does here what it does in the SDK, up to what [differences.md](differences.md) lists;
* **accepted and ignored**: code that uses it runs unchanged, and it has no effect, for the reason given;
* **refused**: it imports, and its use raises `UnsupportedFeature` (a `NotImplementedError`), which says why and what to
  use instead. A step type that is refused fails when its pipeline is made or submitted.

Unknown attributes of configuration sections (`run_config.environment.docker.anything = 1`) are accepted with one
warning.
`mlsteps check FILE...` tells which of the three the names in your own scripts and notebooks are, with line numbers.

This page is written by `python -m mlsteps.compatibility`, from the code itself and from the SDK's interface in
`mlsteps/compatibility/api.json`. The signature of every supported name is compared with the SDK's by
`tests/azureml/test_signatures.py`: parameter names, order and defaults. Parameters whose names start with an underscore
are private to the SDK and left out of the comparison.
"""


def page() -> str:
    """The whole page."""
    found = list(status.table())
    by_state: dict[State, list[Status]] = {"supported": [], "ignored": [], "refused": []}
    for item in found:
        by_state[item.state].append(item)
    parts = [
        _BEGINNING,
        *_summary(by_state),
        *_refused(by_state["refused"]),
        *_ignored(by_state["ignored"]),
        *_extended(),
        *_supported(by_state["supported"]),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _summary(by_state: dict[State, list[Status]]) -> Iterator[str]:
    yield "| | classes and functions | methods, properties, attributes | parameters |"
    yield "|---|---|---|---|"
    for state, items in by_state.items():
        parameters = sum("(" in item.name for item in items)
        whole = sum(item.name in _whole_names() for item in items)
        told = "all others" if state == "supported" else str(parameters)
        words = "accepted and ignored" if state == "ignored" else state
        yield f"| {words} | {whole} | {len(items) - whole - parameters} | {told} |"
    yield ""


def _refused(items: list[Status]) -> Iterator[str]:
    """Packages, then classes that are refused whole, then members of others; each with why and what else."""
    yield "## Refused\n"
    yield "| name | why | use instead |"
    yield "|---|---|---|"
    for package, why in sorted(PACKAGES.items()):
        yield _row([f"`{package}` and all below"], why.reason, why.alternative)
    whole = {item.name: item for item in items if item.name in _whole_names()}
    yield from _rows(item for item in whole.values() if not _in_refused_package(item.name))
    yield from _rows(item for item in items if item.name not in whole and item.name.rpartition(".")[0] not in whole)
    yield ""


def _ignored(items: list[Status]) -> Iterator[str]:
    yield "## Accepted and ignored\n"
    yield "| name | why it has no effect |"
    yield "|---|---|"
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for item in items:
        by_reason[item.reason].append(item.name)
    for reason, members in sorted(by_reason.items(), key=lambda pair: pair[1]):
        yield f"| {_names(members)} | {_cell(reason[:1].lower() + reason[1:])} |"
    yield ""


def _extended() -> Iterator[str]:
    """What takes more than the SDK's."""
    yield "## Extended\n"
    yield "Signatures that take all that the SDK's take, and more:\n"
    for name, why in sorted(status.reasons().extended.items()):
        yield f"* `{name}`: {why}"
    yield ""


def _supported(items: list[Status]) -> Iterator[str]:
    """Classes by module, each with its members; functions and constants beside them."""
    yield "## Supported\n"
    whole = sorted(item.name for item in items if item.name in _whole_names())
    members: defaultdict[str, list[str]] = defaultdict(list)
    for item in items:
        if item.name not in _whole_names() and "(" not in item.name:
            owner, _, member = item.name.rpartition(".")
            members[owner].append(member)
    for module, group in groupby(whole, key=lambda name: name.rpartition(".")[0]):
        yield f"### {module}\n"
        for name in group:
            inside = ", ".join(f"`{member}`" for member in members[name])
            yield f"* **`{names.short(name)}`**" + (f": {inside}" if inside else "")
        yield ""


def _rows(items: Iterable[Status]) -> Iterator[str]:
    """One row for all names with the same answer."""
    by_answer: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for item in items:
        by_answer[item.reason, item.alternative].append(item.name)
    for (reason, alternative), found in sorted(by_answer.items(), key=lambda pair: pair[1]):
        yield _row([_names(found)], reason, alternative)


def _row(shown: list[str], reason: str, alternative: str) -> str:
    return f"| {', '.join(shown)} | {_cell(reason)} | {_cell(alternative)} |"


def _names(found: list[str]) -> str:
    """Names without their modules, each once."""
    from mlsteps.compatibility.usage import shortened

    return ", ".join(f"`{name}`" for name in dict.fromkeys(shortened(name) for name in found))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _whole_names() -> frozenset[str]:
    return frozenset(status.catalogue())


def _in_refused_package(path: str) -> bool:
    return any(path.startswith(package + ".") for package in PACKAGES)
