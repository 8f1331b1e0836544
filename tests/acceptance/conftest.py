"""The acceptance set is given by variables; see README.md of this folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mlsteps.azureml  # noqa: F401  (checks say `from azureml...`)
from tests.acceptance.harness import Case, Outcome, judge
from tests.acceptance.report import write_report
from tests.acceptance.rows import row_of
from tests.acceptance.surroundings import Surroundings


@pytest.fixture(scope="session")
def repositories() -> Path:
    """The folder of bare repositories."""
    folder = os.environ.get("ACCEPTANCE_REPOSITORIES")
    if not folder:
        pytest.skip("ACCEPTANCE_REPOSITORIES is not given: a folder of bare repositories named owner+name")
    assert os.environ.get("ACCEPTANCE_MANIFEST"), "ACCEPTANCE_MANIFEST is not given: the file that lists the pipelines"
    return Path(folder)


@pytest.fixture(scope="session")
def surroundings(repositories: Path) -> Iterator[Surroundings]:
    """Servers, stand-in packages and the authoring environment."""
    given = os.environ.get("ACCEPTANCE_WORK")
    place = Path(given or tempfile.mkdtemp(prefix="mlsteps-acceptance-")).resolve()
    for name in ("rows", "workspaces"):
        shutil.rmtree(place / name, ignore_errors=True)
    made = Surroundings(place)
    try:
        yield made
    finally:
        made.close()
        if not given:
            shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def outcomes() -> Iterator[list[Outcome]]:
    """Every outcome so far; printed and written at the end."""
    found: list[Outcome] = []
    yield found
    if found:
        write_report(found, os.environ.get("ACCEPTANCE_REPORT"))


@pytest.fixture(scope="session")
def run_row(
    repositories: Path, surroundings: Surroundings, outcomes: list[Outcome]
) -> Callable[[dict[str, Any]], Outcome]:
    """Runs a row and those it comes after; each at most once."""
    rows = json.loads(Path(os.environ["ACCEPTANCE_MANIFEST"]).read_text(encoding="utf-8"))
    by_id = {row["id"]: row for row in rows}
    tools = Path(os.environ.get("ACCEPTANCE_TOOLS") or Path(os.environ["ACCEPTANCE_MANIFEST"]).parent)
    known: dict[str, tuple[Case, Outcome]] = {}

    def run(row: dict[str, Any]) -> Outcome:
        if row["id"] not in known:
            before = [by_id[id] for id in row.get("after") or [] if id in by_id]
            for other in before:
                run(other)
            root = known[before[0]["id"]][0].root if before else surroundings.place / "workspaces" / row["id"].lower()
            case = Case(row, surroundings.place / "rows" / row["id"], root, surroundings)
            known[row["id"]] = case, _run(case, repositories, tools)
            outcomes.append(known[row["id"]][1])
        return known[row["id"]][1]

    return run


def _run(case: Case, repositories: Path, tools: Path) -> Outcome:
    about = row_of(case.row["id"])
    case.extract(_git_dir(repositories, case.row["repo"]), tools)
    about.supply(case)
    about.run(case)
    return judge(case, about)


def _git_dir(repositories: Path, name: str) -> Path:
    folder = repositories / name.replace("/", "+")
    for candidate in (folder, folder / "repo", folder / "repo" / ".git", folder / ".git"):
        if (candidate / "HEAD").is_file():
            return candidate
    pytest.skip(f"there is no bare repository of {name} in {repositories}")
