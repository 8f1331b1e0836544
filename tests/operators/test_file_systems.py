"""File systems for Airflow's ``ObjectStoragePath``: which schemes are ours, what is said when one cannot be opened."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module

import pytest

from mlsteps.errors import StoreError, UserErrorException
from mlsteps.get_provider_info import get_provider_info
from mlsteps.hooks.file_systems import absent, open_one

pytestmark = pytest.mark.airflow


def test_airflow_finds_them(airflow_home) -> None:
    from airflow.sdk.io.fs import has_fs

    assert all(has_fs(scheme) for scheme in ("abfs", "abfss", "s3", "gs", "smb"))
    for module in get_provider_info()["filesystems"]:
        assert callable(import_module(module).get_fs)


def test_schemes_of_an_installed_provider_are_left_to_it(monkeypatch) -> None:
    assert absent(["s3"], "no.such.package") == absent(["s3"], "json.nothing") == ["s3"]
    assert absent(["s3"], "json.decoder") == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.delitem(sys.modules, "mlsteps.hooks.fs_azure", raising=False)
    assert import_module("mlsteps.hooks.fs_azure").schemes == []
    monkeypatch.delitem(sys.modules, "mlsteps.hooks.fs_azure")


def test_what_is_missing_is_named(airflow_home, monkeypatch) -> None:
    with pytest.raises(UserErrorException, match="no connection 'nobody' in Airflow"):
        open_one("s3", "nobody", None)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(StoreError, match=r"pip install airflow-provider-mlsteps\[gcs\]"):
        open_one("gs", None, None)


def test_every_secret_of_a_connection_is_masked_by_its_value(airflow_home, monkeypatch) -> None:
    """Airflow masks by name, and ``account_key`` is not among its names."""
    from airflow.sdk._shared.secrets_masker import redact

    from mlsteps.hooks.connections import airflow_credentials

    texts = ["aGVsbG8gd29ybGQ=key", "hello/signature=", "the client's secret"]
    extra = (
        f'{{"account_key": "{texts[0]}", "sas_token": "?sv=1&sig=hello%2Fsignature%3D", "client_secret": "{texts[2]}"}}'
    )
    monkeypatch.setenv("AIRFLOW_CONN_SECRETIVE", f'{{"conn_type": "wasb", "host": "acc", "extra": {extra}}}')
    assert airflow_credentials("secretive") is not None
    for text in texts:
        assert text not in str(redact(f"trouble with {text} at acc"))
    assert "acc" in str(redact("trouble at acc"))
