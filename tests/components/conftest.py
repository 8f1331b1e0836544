"""Real servers, found by the variables that a user of them would set; what needs one that is not there is skipped.

Every place handed out is new and empty, and is removed afterwards.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlsteps.storage.base import Store
from mlsteps.storage.open import open_datastore
from tests.components.google import google_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.components)


def variable(name: str) -> str:
    """The value of a variable; a test that needs it is skipped without it."""
    if not os.environ.get(name):
        pytest.skip(f"needs {name}")
    return os.environ[name]


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MLSTEPS_HOME", str(folder))
    return folder


def azure_account() -> dict[str, str]:
    """``AccountName``, ``AccountKey``, ``BlobEndpoint`` of the account that the connection string names."""
    text = variable("AZURE_STORAGE_CONNECTION_STRING")
    return dict(part.split("=", 1) for part in text.split(";") if part)


@pytest.fixture
def blob() -> Iterator[dict[str, Any]]:
    """``document`` and ``credentials`` of a datastore in a new container, as ``Datastore.register_*`` makes them."""
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient

    account = azure_account()
    service = BlobServiceClient.from_connection_string(variable("AZURE_STORAGE_CONNECTION_STRING"))
    container = f"t{uuid.uuid4().hex}"
    try:
        service.create_container(container)
    except ResourceExistsError:
        pass  # the name is ours alone: a busy server had done it, and the client asked again
    protocol, _, rest = account["BlobEndpoint"].partition("://")
    document = {
        "name": "blob",
        "type": "AzureBlob",
        "container_name": container,
        "account_name": account["AccountName"],
        "protocol": protocol,
        "endpoint": rest.rstrip("/").rpartition("/")[0],
    }
    yield {"document": document, "credentials": {"account_key": account["AccountKey"]}}
    service.delete_container(container)
    service.close()


@pytest.fixture
def s3() -> Iterator[dict[str, Any]]:
    """A datastore in a new bucket."""
    import s3fs

    variable("AWS_ENDPOINT_URL")
    credentials = {
        "key": variable("AWS_ACCESS_KEY_ID"),
        "secret": variable("AWS_SECRET_ACCESS_KEY"),
        "endpoint_url": variable("AWS_ENDPOINT_URL"),
        "client_kwargs": {"region_name": os.environ.get("AWS_DEFAULT_REGION", "eu-west-1")},
    }
    bucket = f"t{uuid.uuid4().hex}"
    service = s3fs.S3FileSystem(**credentials)
    service.mkdir(bucket)
    yield {"document": {"name": "s3", "type": "Url", "url": f"s3://{bucket}/place"}, "credentials": credentials}
    service.invalidate_cache()
    service.rm(bucket, recursive=True)


@pytest.fixture(scope="session")
def google() -> Iterator[str]:
    """The address of a server of Google Cloud Storage: the variable's, else one that is started here."""
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        yield os.environ["STORAGE_EMULATOR_HOST"]
        return
    with google_server() as url:
        yield url


@pytest.fixture
def gcs(google: str) -> Iterator[dict[str, Any]]:
    """A datastore in a new bucket of Google Cloud Storage."""
    from gcsfs.core import GCSFileSystem

    credentials = {"endpoint_url": google, "token": "anon", "project": "test"}
    bucket = f"t{uuid.uuid4().hex}"
    service = GCSFileSystem(**credentials)
    service.mkdir(bucket)
    yield {"document": {"name": "gcs", "type": "Url", "url": f"gs://{bucket}/place"}, "credentials": credentials}
    service.invalidate_cache()
    service.rm(bucket, recursive=True)


@pytest.fixture
def share() -> Iterator[dict[str, Any]]:
    """A datastore in a new folder of a share."""
    import smbclient

    host, port = variable("SMB_HOST"), int(os.environ.get("SMB_PORT", "445"))
    user, password, name = variable("SMB_USER"), variable("SMB_PASSWORD"), variable("SMB_SHARE")
    folder = f"t{uuid.uuid4().hex}"
    access = {"username": user, "password": password, "port": port}
    root = rf"\\{host}\{name}\{folder}"
    smbclient.mkdir(root, **access)
    document = {"name": "share", "type": "Url", "url": f"smb://{host}:{port}/{name}/{folder}"}
    yield {"document": document, "credentials": {"username": user, "password": password}}
    for at, folders, names in smbclient.walk(root, topdown=False, **access):
        for item in names:
            smbclient.remove(rf"{at}\{item}", **access)
        for item in folders:
            smbclient.rmdir(rf"{at}\{item}", **access)
    smbclient.rmdir(root, **access)


@pytest.fixture
def sftp(tmp_path_factory) -> Iterator[dict[str, Any]]:
    """A datastore in a folder that a server of OpenSSH gives."""
    import getpass

    from tests.components.ssh_place import Server

    server = Server()
    folder = tmp_path_factory.mktemp("sftp")
    document = {"name": "sftp", "type": "Url", "url": f"sftp://127.0.0.1:{server.port}{folder}"}
    yield {
        "document": document,
        "credentials": {"username": getpass.getuser(), "key_filename": str(server.folder / "user")},
    }
    server.stop()


@pytest.fixture
def web(tmp_path_factory) -> Iterator[dict[str, Any]]:
    """A web server with ranges, and the folder that it gives."""
    from tests.storage.web import serve

    folder = tmp_path_factory.mktemp("web")
    with serve(folder) as served:
        document = {"name": "web", "type": "Url", "url": served.url}
        yield {"document": document, "credentials": {}, "folder": str(folder)}


@pytest.fixture
def local(tmp_path_factory) -> dict[str, Any]:
    """A datastore in a folder."""
    return {
        "document": {"name": "local", "type": "Url", "url": str(tmp_path_factory.mktemp("local"))},
        "credentials": {},
    }


def opened(place: dict[str, Any]) -> Store:
    """The store of such a place."""
    return open_datastore(place["document"], place["credentials"])


@pytest.fixture
def blob_store(blob) -> Store:
    return opened(blob)


@pytest.fixture
def s3_store(s3) -> Store:
    return opened(s3)


@pytest.fixture
def gcs_store(gcs) -> Store:
    return opened(gcs)


@pytest.fixture
def share_store(share) -> Store:
    return opened(share)


@pytest.fixture
def sftp_store(sftp) -> Store:
    return opened(sftp)


@pytest.fixture
def local_store(local) -> Store:
    return opened(local)
