"""Who asks: everyone, an account's key, a SAS token, a service principal, a managed identity; AWS profiles and roles.

A service principal and a managed identity are tokens to Azurite, which checks that they are for storage; the services
that give them (Entra ID, the machine's identity endpoint) are ours here, and answer as documented.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mlsteps.errors import StoreError
from mlsteps.registry.connections import driver_options
from mlsteps.storage.base import Store
from mlsteps.storage.open import open_datastore, open_store
from tests.components.conftest import azure_account, opened, variable
from tests.storage.contract import StoreContract

TENANT, APP, SECRET = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222", "app-secret"


def sas(blob: dict[str, Any], **may: bool) -> str:
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    account = azure_account()
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    return generate_container_sas(
        account["AccountName"],
        blob["document"]["container_name"],
        account["AccountKey"],
        permission=ContainerSasPermissions(**may),
        expiry=until,
    )


ALL = {name: True for name in ("read", "write", "create", "delete", "list", "add")}


class TestSas(StoreContract):
    """A SAS token does whatever a key does."""

    has_real_folders = False

    @pytest.fixture
    def store(self, blob) -> Store:
        return open_datastore(blob["document"], {"sas_token": "?" + sas(blob, **ALL)})


class TestLake(StoreContract):
    """ADLS Gen2 as registered by the SDK; ``abfss://`` on the blob endpoint, which is all that Azurite has."""

    has_real_folders = False

    @pytest.fixture
    def store(self, blob) -> Store:
        return open_datastore({**blob["document"], "type": "AzureDataLakeGen2"}, blob["credentials"])


def test_a_sas_token_for_reading_reads_only(blob) -> None:
    opened(blob).write("d/f", b"1")
    token = sas(blob, read=True, list=True)
    store = open_datastore(blob["document"], {"sas_token": token})
    assert [entry.path for entry in store.list()] == ["d/f"] and store.read("d/f") == b"1"
    with pytest.raises(StoreError, match="d/f") as caught:
        store.write("d/f", b"2")
    assert token.split("sig=")[1] not in str(caught.value)


def test_everyone_may_read_a_public_container(blob, monkeypatch) -> None:
    from azure.storage.blob import BlobServiceClient

    text = variable("AZURE_STORAGE_CONNECTION_STRING")
    with BlobServiceClient.from_connection_string(text) as service:
        container = service.get_container_client(blob["document"]["container_name"])
        container.set_container_access_policy(signed_identifiers={}, public_access="container")
    opened(blob).write("d/f", b"1")
    for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_CONFIG_DIR", "/nonexistent")
    store = open_datastore(blob["document"])
    assert store.read("d/f") == b"1"
    with pytest.raises(StoreError, match="d/f"):
        store.write("d/f", b"2")


def test_a_connection_string_and_the_addresses_of_the_lake(blob, monkeypatch) -> None:
    opened(blob).write("d/f", b"1")
    container, known = (
        blob["document"]["container_name"],
        {"connection_string": variable("AZURE_STORAGE_CONNECTION_STRING")},
    )
    address = f"abfss://{container}@devstoreaccount1.dfs.core.windows.net"
    assert open_store(f"{address}/d", known).read("f") == b"1"
    monkeypatch.setenv("MLSTEPS_ADLS_GEN1", f"older=abfss://x@y.dfs.core.windows.net; oldlake={address}/d")
    assert open_store("adl://oldlake.azuredatalakestore.net/f", known).url == f"{address}/d/f"
    assert open_store("adl://oldlake.azuredatalakestore.net/", known).read("f") == b"1"
    document = {"name": "old", "type": "AzureDataLake", "store_name": "oldlake"}
    assert open_datastore(document, known).read("f") == b"1"


# -- tokens


def token() -> str:
    """An access token for storage. Azurite reads what it says and does not ask who signed it."""
    now = int(time.time())
    claims = {"aud": "https://storage.azure.com", "iss": f"https://sts.windows.net/{TENANT}/", "iat": now, "nbf": now}
    parts = [{"alg": "RS256", "typ": "JWT"}, {**claims, "exp": now + 3600, "oid": APP, "tid": TENANT}]
    text = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*text, "c2lnbmVk"])


class _Tokens(BaseHTTPRequestHandler):
    """Entra ID's token endpoint (POST), and the identity endpoint of a machine (GET)."""

    asked: list[str]

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.asked.append(self.path)
        if (form.get("client_id"), form.get("client_secret")) != ([APP], [SECRET]):
            self._answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"})
        else:
            self._answer(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": token()})

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        self.asked.append(str(asked.get("client_id", [""])[0]))
        if self.headers["X-IDENTITY-HEADER"] != "machine":
            self._answer(400, {"error": "no header"})
        else:
            until = str(int(time.time()) + 3600)
            self._answer(200, {"access_token": token(), "expires_on": until, "token_type": "Bearer", "resource": "r"})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


def listening(handler: Any, tls: tuple[Path, Path] | None = None) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Cloud:
    """Azurite that takes tokens, over TLS, and the services that give them."""

    def __init__(self, folder: Path) -> None:
        program = os.environ.get("AZURITE_BLOB") or shutil.which("azurite-blob")
        if not program:
            pytest.skip("needs AZURITE_BLOB, the program azurite-blob")
        self.tls = certificate(folder)
        self.handler: Any = type("Tokens", (_Tokens,), {"asked": []})
        self.entra, self.machine = listening(self.handler, self.tls), listening(self.handler)
        port = _free_port()
        command = [program, "--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent"]
        command += ["--disableTelemetry", "--skipApiVersionCheck", "--oauth", "basic"]
        command += ["--cert", str(self.tls[0]), "--key", str(self.tls[1])]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait_for(port)
        self.document = {
            "name": "lake",
            "type": "AzureDataLakeGen2",
            "container_name": "lake",
            "account_name": "devstoreaccount1",
            "endpoint": f"127.0.0.1:{port}",
        }
        key = azure_account()["AccountKey"]
        assert self.run({**self.document, "type": "AzureBlob"}, {"account_key": key}, make=True) == ["by key"]

    def run(self, document: Any, credentials: Any, *, make: bool = False, **variables: str) -> Any:
        """Write and list in a process that trusts the certificate: aiohttp reads what to trust when it is imported."""
        given = {"document": document, "credentials": credentials, "make": make}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "IDENTITY_"))}
        done = subprocess.run(
            [sys.executable, "-c", CHILD, json.dumps(given)],
            env={**kept, "SSL_CERT_FILE": str(self.tls[0]), "AZURE_CONFIG_DIR": "/nonexistent", **variables},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        for server in (self.entra, self.machine):
            server.shutdown()
            server.server_close()


CHILD = """
import json, sys
from mlsteps.errors import AzureMLException
from mlsteps.storage.open import open_datastore
given = json.loads(sys.argv[1])
try:
    store = open_datastore(given["document"], given["credentials"])
    if given["make"]:
        store._fs.mkdir(given["document"]["container_name"])
    store.write("by key" if given["make"] else "by token", b"x")
    print(json.dumps([entry.path for entry in store.list()]))
except AzureMLException as error:
    print(json.dumps({"error": error.message}))
"""


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int) -> None:
    import socket

    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nothing listens on {port}")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory) -> Iterator[Cloud]:
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    yield made
    made.end()


def test_a_service_principal_with_a_token_service_of_ours(cloud) -> None:
    authority = f"https://127.0.0.1:{cloud.entra.server_port}"
    document = {**cloud.document, "client_id": APP, "tenant_id": TENANT, "authority_url": authority}
    assert cloud.run(document, {"client_secret": SECRET}) == ["by key", "by token"]
    assert cloud.handler.asked[-1] == f"/{TENANT}/oauth2/v2.0/token"
    wrong = cloud.run(document, {"client_secret": "wrong-secret"})["error"]
    assert "abfs://lake" in wrong and "AADSTS7000215" in wrong and "wrong-secret" not in wrong
    without = cloud.run({**document, "tenant_id": None}, {"client_secret": SECRET})["error"]
    assert "needs tenant_id beside its secret" in without


def test_a_managed_identity_with_an_identity_endpoint_of_ours(cloud) -> None:
    variables = {
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{cloud.machine.server_port}/token",
        "IDENTITY_HEADER": "machine",
    }
    assert "by token" in cloud.run(cloud.document, None, **variables)
    assert "by token" in cloud.run(cloud.document, {"managed_identity_client_id": APP}, **variables)
    assert cloud.handler.asked[-1] == APP


# -- AWS


def test_a_profile(s3, tmp_path, monkeypatch) -> None:
    given = s3["credentials"]
    (tmp_path / "keys").write_text(
        f"[mine]\naws_access_key_id = {given['key']}\naws_secret_access_key = {given['secret']}\nregion = eu-west-1\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    store = open_datastore(s3["document"], {"profile": "mine", "endpoint_url": given["endpoint_url"]})
    store.write("f", b"1")
    assert store.read("f") == b"1"
    with pytest.raises(StoreError):
        open_datastore(s3["document"], {"profile": "nobodys", "endpoint_url": given["endpoint_url"]}).write("f", b"1")


def test_a_role_is_assumed(s3) -> None:
    """Needs a server with STS, such as moto; rclone's has none."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import get_session

    given = s3["credentials"]
    where = {"region_name": "eu-west-1", "endpoint_url": given["endpoint_url"]}
    try:
        get_session().create_client("sts", **where).get_caller_identity()
    except (BotoCoreError, ClientError):
        pytest.skip("needs STS at AWS_ENDPOINT_URL")
    service = {"s3": {"endpoint_url": given["endpoint_url"]}, "sts": {"endpoint_url": given["endpoint_url"]}}
    extra = {"region_name": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/reader", "service_config": service}
    connection = {"conn_type": "aws", "login": given["key"], "password": given["secret"], "extra": extra}
    store = open_datastore(s3["document"], driver_options(connection))
    store.write("f", b"1")
    assert store.read("f") == b"1"
    frozen = store._fs.session._credentials._frozen_credentials  # type: ignore[attr-defined]
    assert frozen.access_key.startswith("ASIA") and frozen.token
