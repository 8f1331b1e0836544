"""Places as a DAG author writes them, opened with the credentials of Airflow connections."""

from __future__ import annotations

import pytest

from mlsteps.hooks.places import open_place


@pytest.mark.parametrize(("text", "conn_id"), [("s3://keys@{}/a/b", None), ("s3://{}/a/b", "keys")])
def test_the_connection_of_a_url_or_beside_it(s3, monkeypatch, text, conn_id) -> None:
    credentials, bucket = s3["credentials"], s3["document"]["url"].split("/")[2]
    extra = {"endpoint_url": credentials["endpoint_url"], "region_name": credentials["client_kwargs"]["region_name"]}
    monkeypatch.setenv("AIRFLOW_CONN_KEYS", _connection(credentials, extra))
    place = open_place(text.format(bucket), conn_id)
    assert (place.store.url, place.path) == (f"s3://{bucket}/a", "b")
    place.store.write("b", b"B")
    assert open_place(f"s3://keys@{bucket}").store.read("a/b") == b"B"


def test_a_bucket_has_no_path(s3) -> None:
    assert open_place("s3://bucket").path == ""


def _connection(credentials, extra) -> str:
    import json

    document = {"conn_type": "aws", "login": credentials["key"], "password": credentials["secret"], "extra": extra}
    return json.dumps(document)
