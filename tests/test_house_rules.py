"""Sizes that keep the code readable: functions of at most 60 lines, modules of at most 400."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

PACKAGE = Path(__file__).parent.parent / "provider" / "mlsteps"


def functions() -> list[tuple[str, int]]:
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.append((f"{path.name}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1))
    return found


def test_no_function_beyond_60_lines() -> None:
    assert [item for item in functions() if item[1] > 60] == []


def test_the_median_function_has_about_10_lines() -> None:
    assert median(length for _, length in functions()) <= 10


def test_no_module_beyond_400_lines() -> None:
    sizes = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_every_module_and_public_class_says_what_it_is() -> None:
    silent = []
    for path in PACKAGE.rglob("*.py"):
        if "_azureml" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if tree.body and not ast.get_docstring(tree):
            silent.append(str(path.relative_to(PACKAGE)))
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(PACKAGE)}:{node.name}")
    assert silent == []


def test_nothing_is_pickled_and_no_error_is_swallowed_whole() -> None:
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "cloudpickle", "dill"} & set(names), path
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
                assert not (broad and all(isinstance(line, ast.Pass) for line in node.body)), f"{path}:{node.lineno}"
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert not getattr(node.value, "value", False), f"{path}: shell=True"
