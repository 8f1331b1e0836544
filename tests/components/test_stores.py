"""The contract of stores, kept by real servers."""

from __future__ import annotations

import pytest

from mlsteps.storage.base import Store
from tests.storage.contract import StoreContract


class TestBlob(StoreContract):
    has_real_folders = False

    @pytest.fixture
    def store(self, blob_store: Store) -> Store:
        return blob_store


class TestS3(StoreContract):
    has_real_folders = False

    @pytest.fixture
    def store(self, s3_store: Store) -> Store:
        return s3_store


class TestShare(StoreContract):
    refused = ("what?.csv",)

    @pytest.fixture
    def store(self, share_store: Store) -> Store:
        return share_store


class TestLocal(StoreContract):
    @pytest.fixture
    def store(self, local_store: Store) -> Store:
        return local_store
