"""The contract of stores, kept by real servers."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

import pytest

from mlsteps.storage.base import Store
from tests.components.conftest import variable
from tests.storage.contract import StoreContract


def is_rclone(endpoint: str) -> bool:
    """Whether an S3 server is rclone's: alone of all, it does not say what it is."""
    try:
        with urllib.request.urlopen(endpoint, timeout=10) as answer:
            return not answer.headers.get("Server")
    except urllib.error.HTTPError as error:
        return not error.headers.get("Server")


class TestBlob(StoreContract):
    has_real_folders = False

    @pytest.fixture
    def store(self, blob_store: Store) -> Store:
        return blob_store


#: What rclone's S3 server cannot do: it ignores conditions of puts, sends the checksum of the whole object with a part
#: of it, and keeps objects in real folders, so that a name is a file's or a folder's.
RCLONE_LACKS = (
    "test_create_makes_a_file_once",
    "test_of_many_that_create_at_once_one_wins",
    "test_a_part_of_a_file_is_read",
    "test_trouble_names_the_store_and_the_path",
)


class TestS3(StoreContract):
    has_real_folders = False

    @pytest.fixture(autouse=True)
    def able(self, request) -> None:
        if request.function.__name__ in RCLONE_LACKS and is_rclone(variable("AWS_ENDPOINT_URL")):
            pytest.skip("rclone's server cannot do it; moto's can")

    @pytest.fixture
    def store(self, s3_store: Store) -> Store:
        return s3_store


class TestGoogle(StoreContract):
    has_real_folders = False

    @pytest.fixture
    def store(self, gcs_store: Store) -> Store:
        return gcs_store


class TestShare(StoreContract):
    refused = ("what?.csv",)

    @pytest.fixture
    def store(self, share_store: Store) -> Store:
        return share_store


class TestLocal(StoreContract):
    @pytest.fixture
    def store(self, local_store: Store) -> Store:
        return local_store


class TestSftp(StoreContract):
    @pytest.fixture
    def store(self, sftp_store: Store) -> Store:
        return sftp_store

    def test_the_stamp_changes_with_the_content(self, store: Store) -> None:
        """The protocol tells times in whole seconds."""
        store.write("f", b"one")
        before = store.entry("f")
        time.sleep(1.1)
        store.write("f", b"two")
        assert before is not None and store.entry("f").stamp != before.stamp  # type: ignore[union-attr]
