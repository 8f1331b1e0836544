"""The design's layers: who may import whom, and what may be loaded where."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "provider" / "mlsteps"

# From the ground up; a package imports at module level only from its own row or rows before it.
ROWS = [
    {"errors"},
    {"contracts"},
    {"schedules"},
    {"storage"},
    {"registry"},
    {"reuse"},
    {"tables"},
    {"sdk"},
    {"graph"},
    {"environments"},
    {"runner"},
    {"compute"},
    {"services"},
    {"hooks", "operators", "timetables", "triggers"},
    {"translate"},
    {"client"},
    {"compatibility"},
    {"bundles"},
    {"rest"},
    {"cli", "plugin", "get_provider_info", "azureml", "_azureml"},
]
ROW = {name: number for number, row in enumerate(ROWS) for name in row}
MAY_IMPORT_AIRFLOW = {
    "bundles",
    "rest",
    "hooks",
    "operators",
    "timetables",
    "translate",
    "triggers",
    "client",
    "cli",
    "plugin",
    "get_provider_info",
    "compute",
    "services",
}
RUNS_IN_A_STEP = {"errors", "contracts", "schedules", "storage", "registry", "tables", "sdk", "runner", "_azureml"}
STANDARD_ONLY_ALLOWED = {"mlsteps", "azureml"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names if node.module == "mlsteps")
    return names


def at_module_level(path: Path) -> set[str]:
    """Names imported when the module is: not inside functions, not under TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kept: list[ast.stmt] = []
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test):
            waiting.extend(statement.orelse)
            continue
        for field in ("body", "orelse", "finalbody"):
            waiting.extend(child for child in getattr(statement, field, []) if isinstance(child, ast.stmt))
        for handler in getattr(statement, "handlers", []):
            waiting.extend(handler.body)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            kept.append(statement)
    return imported(ast.Module(body=kept, type_ignores=[]))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rows_before_its_own(path: Path) -> None:
    own = package_of(path)
    if own == "__init__":
        return
    for name in at_module_level(path):
        parts = name.split(".")
        if parts[0] == "mlsteps" and len(parts) > 1 and parts[1] in ROW:
            assert ROW[parts[1]] <= ROW[own], f"{own} must not import {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_airflow_stays_in_the_airflow_layers(path: Path) -> None:
    own = package_of(path)
    names = {name.split(".")[0] for name in imported(ast.parse(path.read_text(encoding="utf-8")))}
    if own not in MAY_IMPORT_AIRFLOW:
        assert "airflow" not in names, f"{own} imports airflow"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_runs_in_a_step_needs_the_standard_library_only(path: Path) -> None:
    import sys

    if package_of(path) not in RUNS_IN_A_STEP:
        return
    tops = {name.split(".")[0] for name in at_module_level(path)}
    assert tops <= sys.stdlib_module_names | STANDARD_ONLY_ALLOWED, tops
