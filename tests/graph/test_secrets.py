"""What looks like a secret, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.graph.secrets import secret_in

KEY = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYg=="


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (KEY, "storage account key"),
        (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY}", "account key"),
        ("https://a.blob.core.windows.net/c?sv=2020&sig=abcDEF123%2Fabcdefghijk%3D", "shared access signature"),
        ("?sig=abcDEF123abcdefghijk", "shared access signature"),
        ("SharedAccessSignature=sv=2020", "shared access signature"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "private key"),
        ("-----BEGIN PRIVATE KEY-----", "private key"),
        ("Server=db;User Id=me;Password=hunter22;", "password"),
        ("postgresql://me:hunter22@db/x", "password"),
        ("AKIAABCDEFGHIJKLMNOP", "AWS"),
        ("ghp_" + "a1" * 18, "GitHub"),
        ("eyJhbGciOiJIUzI1NiJ9abcd.eyJzdWIiOiIxMjM0NTY3ODkw.abcdefghijklmnop1234", "signed token"),
    ],
)
def test_secrets(text, kind):
    assert kind in (secret_in(text) or "")
    assert kind in (secret_in(f"--option={text}" if "AKIA" in text or "://" in text else text) or "")


@pytest.mark.parametrize(
    "text",
    [
        "--key",
        "--account-key",
        "AccountKey=",
        "AccountKey={vault}",
        "--sig=0.5",
        "https://example.org/a?b=c",
        "https://user@example.org/a",
        "password=",
        "--password-length=12",
        "learning_rate=0.001",
        "outputs/model.pkl",
        "a" * 88,
        "-----BEGIN CERTIFICATE-----",
        "s3://bucket/key:with:colons@x",
    ],
)
def test_harmless_texts(text):
    assert secret_in(text) is None


@given(st.text())
def test_any_text_is_judged_without_an_error(text):
    assert secret_in(text) is None or isinstance(secret_in(text), str)
