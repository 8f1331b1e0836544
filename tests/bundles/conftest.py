"""A workspace's store on this machine, or behind a file system that is not local; bundles that serve it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlsteps.registry import pipelines
from mlsteps.storage.workspace_store import WorkspaceStore
from tests.translate.test_dag import diamond


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where bundles keep their files on this machine."""
    from airflow.dag_processing.bundles import base

    folder = tmp_path / "bundles"
    monkeypatch.setattr(base, "get_bundle_storage_root_path", lambda: folder)
    monkeypatch.delenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", raising=False)
    yield folder


@pytest.fixture(params=["local", "remote"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Root of a workspace. The remote one is reached by fsspec alone, as an object store would be."""
    if request.param == "local":
        return str(tmp_path / "root")
    return f"memory://{tmp_path.name}-{id(request)}"


@pytest.fixture
def ws(root: str) -> WorkspaceStore:
    return WorkspaceStore(root)


@pytest.fixture
def publish(ws: WorkspaceStore) -> Callable[..., dict[str, Any]]:
    """Publishes a pipeline whose description is its name."""

    def make(name: str, **more: Any) -> dict[str, Any]:
        from dataclasses import replace

        return pipelines.publish(ws, replace(diamond(), description=name), name=name, **more)

    return make
