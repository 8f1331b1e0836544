"""A store of files, and a way to read a definition over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from mlsteps.sdk.table_operations import delimited_reader
from mlsteps.storage.open import open_store
from mlsteps.tables.frame import read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def table(root: Path) -> Callable[..., Any]:
    """``table({"a.csv": text}, separator=";")`` writes the files and reads them as delimited text."""

    def run(files: Any = None, *, reader: Any = None, top: Any = None, wishes: Any = None, **options: Any) -> Any:
        for name, content in (files or {}).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        definition = {
            "type": "tabular",
            "paths": [{"datastore": "blob", "path": "**"}],
            "reader": reader or delimited_reader(**options),
            **(top or {}),
        }
        return read(definition, lambda name: open_store(str(root)), **(wishes or {}))

    return run
