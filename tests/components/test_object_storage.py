"""Airflow's own ``ObjectStoragePath`` on real servers, by the file systems that this provider registers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlsteps.registry.connections import connection_for
from tests.components.conftest import opened

pytestmark = pytest.mark.airflow


@pytest.fixture
def connections(monkeypatch):
    """``connections(store={...})`` makes connections known to Airflow."""

    def make(**known: Any) -> None:
        for name, connection in known.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))

    return make


def use(root: Any) -> None:
    """What DAG authors do with such a path."""
    path = root / "folder" / "größe 1.txt"
    path.write_bytes(b"hello")
    assert path.exists() and path.is_file() and path.stat().st_size == 5
    assert [item.name for item in (root / "folder").iterdir()] == ["größe 1.txt"]
    with path.open("rb") as file:
        assert file.read() == b"hello"


def test_blob(blob, connections, airflow_home) -> None:
    from airflow.sdk import ObjectStoragePath

    connections(box=connection_for(blob["document"], blob["credentials"]))
    use(ObjectStoragePath(f"abfs://box@{blob['document']['container_name']}/place"))
    assert opened(blob).read("place/folder/größe 1.txt") == b"hello"


def test_s3(s3, connections, airflow_home) -> None:
    from airflow.sdk import ObjectStoragePath

    given = s3["credentials"]
    extra = {"endpoint_url": given["endpoint_url"], "region_name": "eu-west-1"}
    connections(landing={"conn_type": "aws", "login": given["key"], "password": given["secret"], "extra": extra})
    use(ObjectStoragePath(s3["document"]["url"].replace("s3://", "s3://landing@")))
    assert opened(s3).read("folder/größe 1.txt") == b"hello"


def test_google(gcs, connections, airflow_home) -> None:
    from airflow.sdk import ObjectStoragePath

    extra = {"endpoint_url": gcs["credentials"]["endpoint_url"], "is_anonymous": True}
    connections(cloud={"conn_type": "google_cloud_platform", "extra": extra})
    use(ObjectStoragePath(gcs["document"]["url"].replace("gs://", "gs://cloud@")))
    assert opened(gcs).read("folder/größe 1.txt") == b"hello"
