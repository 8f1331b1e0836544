"""How far the supported names go: ``usage_counts.csv`` counts, for the names that real code uses most, the pipeline
files and the step scripts that use each. ``cloud`` marks what only a service of Azure can do."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from mlsteps.compatibility import names, status, types
from mlsteps.compatibility.facts import load
from mlsteps.compatibility.status import Status
from mlsteps.sdk.surface.supported import SUPPORTED

#: Of the uses that need no cloud service, how many may meet a name that is refused.
LARGEST_GAP = 0.02


class Row(NamedTuple):
    name: str
    uses: int
    cloud: bool


def rows() -> list[Row]:
    with (Path(__file__).parent / "usage_counts.csv").open(newline="") as stream:
        return [
            Row(r["name"], int(r["files"]) + int(r["scripts"]), r["cloud"] == "yes") for r in csv.DictReader(stream)
        ]


def path_of(name: str) -> str | None:
    """The SDK's path of a class, function or constant that is named without its module."""
    known = [*load().paths(), *(f"{module}.{one}" for module in SUPPORTED for one in SUPPORTED[module])]
    found = [path for path in known if path == name or path.endswith("." + name)]
    return min(found, key=lambda path: (names.home(path) is None, len(path)), default=None)


def state_of(name: str) -> Status | None:
    """The state of ``Environment.docker.enabled``: of each part, as that of the part before says."""
    head = "azureml.core.VERSION" if name == "azureml.core.VERSION" else name.split(".")[0]
    rest = [] if head == name else name.split(".")[1:]
    path = path_of(head)
    found = None if path is None else status.of(path)
    for part in rest:
        if path is None:
            return None
        path, found = step(path, part)
    return found


def step(path: str, part: str) -> tuple[str | None, Status | None]:
    made = types.of_call(path)  # Datastore(...) gives objects of other classes, as Dataset.get_by_name does
    places = [path, *([made.path] if made else []), *load().subclasses(path)]
    if names.short(path) in ("Dataset", "Datastore"):
        base = f"azureml.data.abstract_{names.short(path).lower()}.Abstract{names.short(path)}"
        places += [base, *load().subclasses(base)]
    states = [(place, status.of_member(place, part)) for place in places]
    place, found = next(((p, s) for p, s in states if s is not None and s.state != "refused"), states[0])
    of = types.of_attribute(place, part)
    return (None if of is None else of.path), found


def test_every_counted_name_is_known() -> None:
    unknown = {row.name for row in rows() if not row.cloud and state_of(row.name) is None}
    assert unknown == {"Pipeline._set_experiment_name"} & unknown


def test_the_supported_names_cover_what_real_code_uses(capsys) -> None:
    counted = [row for row in rows() if not row.cloud]
    total = sum(row.uses for row in counted)
    states = {row: state_of(row.name) for row in counted}
    gaps = {row.name: row.uses for row, state in states.items() if state is None or state.state == "refused"}
    accepted = sum(row.uses for row, state in states.items() if state is not None and state.state == "ignored")
    with capsys.disabled():
        print(f"\n{total} uses: {sum(gaps.values()) / total:.1%} refused, {accepted / total:.1%} accepted and ignored")
    assert sum(gaps.values()) / total <= LARGEST_GAP, gaps


def test_the_counts_are_those_of_many_names() -> None:
    assert len(rows()) > 180 and sum(row.uses for row in rows()) > 7000
    assert next(row for row in rows() if row.name == "Pipeline").uses == 187
