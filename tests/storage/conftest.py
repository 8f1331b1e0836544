from __future__ import annotations

import uuid

import pytest

from mlsteps.storage.open import open_store


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A home of its own for every test."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MLSTEPS_HOME", str(folder))
    monkeypatch.delenv("MLSTEPS_SNAPSHOT_MAX_BYTES", raising=False)
    return folder


@pytest.fixture
def local_store(tmp_path_factory):
    return open_store(str(tmp_path_factory.mktemp("store")))


@pytest.fixture
def memory_store():
    store = open_store(f"memory://{uuid.uuid4().hex}/place")
    yield store
    for child in store.children(""):
        store.delete(child.name)


@pytest.fixture(params=["local", "memory"])
def store(request):
    return request.getfixturevalue(f"{request.param}_store")
