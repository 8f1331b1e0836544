"""A local stand-in for public web servers: an HTTPS proxy that answers for some hosts from folders.

Unmodified sources name real https addresses. Behind this proxy, which every HTTP client finds by ``HTTPS_PROXY`` and
trusts by ``SSL_CERT_FILE``, ``https://<host>/<path>`` is the file ``<folder>/<host>/<path>`` when there is a folder for
that host; every other host is reached as ever. Folders of hosts that are storage accounts can be listed as their
containers are.
"""

from __future__ import annotations

import datetime
import email.utils
import http.client
import ipaddress
import os
import posixpath
import re
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SECONDS = 60.0


class Proxy:
    """Serves until it is closed.

    :param web: a folder with one folder a host; hosts may be added while it runs.
    :param place: where the authority's certificate and the bundle of trusted ones are written.
    """

    def __init__(self, web: Path, place: Path) -> None:
        self.web = web
        self._place = place
        self._authority = _Authority(place)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        threading.Thread(target=self._server.serve_forever, name="acceptance-proxy", daemon=True).start()

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which clients find and trust it."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        bundle = str(self._authority.bundle)
        local = "127.0.0.1,localhost"
        return {
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), url),
            "NO_PROXY": local,
            "no_proxy": local,
            **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"), bundle),
        }

    def context(self, host: str) -> ssl.SSLContext:
        """The server side of TLS for a host."""
        if host not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._authority.issue(host))
            self._contexts[host] = context
        return self._contexts[host]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    proxy: Proxy


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        request = self.rfile.readline(65536).decode("latin-1").split()
        while self.rfile.readline(65536).strip():
            pass
        if len(request) == 3 and request[1].startswith("http://"):
            self._answer_plain(request[0], request[1])
            return
        if len(request) != 3 or request[0] != "CONNECT":
            self.wfile.write(_head("405 Only CONNECT", 0))
            return
        host, _, port = request[1].rpartition(":")
        try:
            if (self.server.proxy.web / host).is_dir():
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                self._answer(host)
            else:
                self._pass_on(host, int(port))
        except OSError:
            return  # the client has gone

    def _answer_plain(self, method: str, url: str) -> None:
        parts = urlsplit(url)
        folder = self.server.proxy.web / (parts.hostname or "")
        known = folder.is_dir()
        target = f"{parts.path}?{parts.query}"
        self.wfile.write(_response(folder, method, target, {}) if known else _head("502 Only hosts with a folder", 0))

    def _pass_on(self, host: str, port: int) -> None:
        with socket.create_connection((host, port), _SECONDS) as far:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.connection: far, far: self.connection}
            while True:
                for end in select.select(list(ends), [], [], _SECONDS)[0] or [None]:
                    data = end.recv(1 << 16) if end is not None else b""
                    if not data:
                        return
                    ends[end].sendall(data)

    def _answer(self, host: str) -> None:
        with self.server.proxy.context(host).wrap_socket(self.connection, server_side=True) as secure:
            stream = secure.makefile("rwb")
            while True:
                words = stream.readline(65536).decode("latin-1").split()
                if not words:
                    return
                headers = http.client.parse_headers(stream)
                stream.write(_response(self.server.proxy.web / host, words[0], words[1], headers))
                stream.flush()


def _response(folder: Path, method: str, target: str, headers: Mapping[str, str]) -> bytes:
    parts = urlsplit(target)
    path = posixpath.normpath("/" + unquote(parts.path)).lstrip("/")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if method not in ("GET", "HEAD"):
        return _head("405 Not allowed", 0)
    if query.get("comp") == "list":
        body = _listing(folder / path, query).encode()
        return _head("200 OK", len(body), **{"Content-Type": "application/xml"}) + body
    file = folder / path
    if query.get("restype") == "container" and file.is_dir():
        return _head("200 OK", 0, **_about(file))
    if not file.is_file():
        return _head("404 Not found", 0)
    data, status, more = file.read_bytes(), "200 OK", _about(file)
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("x-ms-range") or headers.get("range") or "")
    if asked:
        first, last, whole = int(asked[1]), int(asked[2] or len(data) - 1), len(data)
        data, status = data[first : last + 1], "206 Partial Content"
        more["Content-Range"] = f"bytes {first}-{first + len(data) - 1}/{whole}"
    return _head(status, len(data), **more) + (b"" if method == "HEAD" else data)


def _head(status: str, length: int, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {length}", *(f"{name}: {text}" for name, text in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _about(file: Path) -> dict[str, str]:
    changed = email.utils.formatdate(file.stat().st_mtime, usegmt=True)
    about = {"ETag": f'"{file.stat().st_mtime_ns}"', "Last-Modified": changed, "x-ms-blob-type": "BlockBlob"}
    return {**about, "x-ms-version": "2021-12-02", "Accept-Ranges": "bytes"}


def _listing(container: Path, query: Mapping[str, str]) -> str:
    """The answer to the Blob service's *List Blobs*, for folders that stand for storage accounts."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
    found: list[str] = []
    for file in sorted(path for path in container.rglob("*") if path.is_file()):
        name = file.relative_to(container).as_posix()
        if not name.startswith(prefix):
            continue
        folder, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        if cut:
            found.append(f"<BlobPrefix><Name>{escape(prefix + folder + cut)}</Name></BlobPrefix>")
            continue
        about = _about(file)
        found.append(
            f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{about['Last-Modified']}</Last-Modified>"
            f"<Etag>{escape(about['ETag'])}</Etag><Content-Length>{file.stat().st_size}</Content-Length>"
            "<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType></Properties></Blob>"
        )
    blobs = "".join(dict.fromkeys(found))
    return (
        "<?xml version='1.0' encoding='utf-8'?>"
        f'<EnumerationResults ContainerName="{container.name}">'
        f"<Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>"
    )


class _Authority:
    """A certificate authority of this session's own."""

    def __init__(self, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self._place = place
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlsteps acceptance tests")])
        certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        trusted = Path(os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or _certifi())
        self.bundle = place / "trusted.pem"
        self.bundle.write_bytes(trusted.read_bytes() + b"\n" + certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, host: str) -> Path:
        """A file with a key and a certificate for a host."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        certificate = (
            self._builder(subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        file = self._place / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.touch(mode=0o600)
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        own = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=7))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{**dict.fromkeys(names.split(), False), **given})


def _certifi() -> str:
    import certifi

    return certifi.where()
