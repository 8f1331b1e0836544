"""A read-only store on a web server, for datasets made from URLs. Standard library only."""

from __future__ import annotations

import io
import re
import urllib.error
import urllib.request
from typing import Any, BinaryIO, Iterator, List, NoReturn
from urllib.parse import quote

from mlsteps.contracts.manifest import FileEntry
from mlsteps.errors import StoreError, UnsupportedFeature
from mlsteps.storage import files
from mlsteps.storage.base import Child, Entry, MissingFile, Passing, Store, safe_path
from mlsteps.storage.ranges import FIRST, open_ranges
from mlsteps.storage.remote import WHOLE
from mlsteps.storage.retry import with_retries
from mlsteps.storage.stamps import changed_of

_TIMEOUT = 60.0
_UNKNOWN = -1
_PARTIAL = 206  # "Partial Content"


class HttpStore(Store):
    """Files below a web address. A server cannot be listed: only files named in full are found.

    :param url: address of a folder.
    :param query: what is sent behind ``?`` with each request, such as a shared access signature; shown nowhere.
    """

    def __init__(self, url: str, query: str = "") -> None:
        self.url = url.rstrip("/")
        self._query = "?" + query if query else ""
        self.opened_with = {"url": self.url + self._query}

    def _request(self, path: str, method: str, **headers: str) -> Any:
        address = f"{self.url}/{quote(safe_path(path))}{self._query}"
        asked = urllib.request.Request(address, method=method, headers={"User-Agent": "mlsteps", **headers})
        try:
            return urllib.request.urlopen(asked, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection; its code and headers stay
            raise

    def entry(self, path: str) -> Entry | None:
        with self._trouble(path, "look at"):
            try:
                return with_retries(lambda: self._look(path))
            except urllib.error.HTTPError as error:
                if error.code in (404, 410):
                    return None
                raise

    def _look(self, path: str) -> Entry:
        try:
            answer = self._request(path, "HEAD")
        except urllib.error.HTTPError as error:
            if error.code not in (400, 403, 405, 501):
                raise
            answer = self._request(path, "GET")  # some servers, and some signed addresses, allow nothing else
        with answer:
            headers = answer.headers
        digest, tag, time = headers.get("Content-MD5"), headers.get("ETag"), headers.get("Last-Modified")
        stamp = f"md5:{digest}" if digest else tag.strip('"') if tag else time or ""
        size = int(headers.get("Content-Length") or _UNKNOWN)
        return Entry(safe_path(path), size, stamp, changed_of({"last_modified": time}))

    def list(self, path: str = "") -> Iterator[Entry]:
        found = self.entry(path) if path else self._refuse("Listing a web server")
        if found is not None:
            yield found

    def children(self, path: str = "") -> List[Child]:
        self._refuse("Listing a web server")

    def kind(self, path: str) -> str | None:
        return "file" if path and self.entry(path) else None

    def read(self, path: str) -> bytes:
        with self._trouble(path, "read"), with_retries(lambda: self._answer(path)) as answer:
            data = bytes(answer.read())
            _check_length(len(data), answer)
            return data

    def open(self, path: str, size: int | None = None) -> BinaryIO:
        """A file read by ranges where the server has them; elsewhere once, from start to end."""
        with self._trouble(path, "read"):
            try:
                answer = with_retries(lambda: self._answer(path, Range=f"bytes=0-{FIRST - 1}"))
            except urllib.error.HTTPError as error:
                if error.code != 416:
                    raise
                return io.BytesIO(self.read(path))  # nothing is in it, or the server knows no such range
            total = _total(answer)
            if total is None:
                return _whole(answer)
            with answer:
                head = bytes(answer.read())
                return open_ranges(lambda start, end: self._range(path, start, end, _state(answer)), total, head)

    def _range(self, path: str, start: int, end: int, state: str) -> bytes:
        def piece() -> bytes:
            with self._answer(path, Range=f"bytes={start}-{end - 1}") as answer:
                data = bytes(answer.read())
            if _state(answer) != state:
                raise StoreError(f"{self.url_of(path)} was changed while it was read.")
            if answer.status != 206 or len(data) != end - start:
                raise ConnectionError(f"{len(data)} of {end - start} bytes came (status {answer.status})")
            return data

        with self._trouble(path, "read"):
            return with_retries(piece)

    def read_range(self, path: str, start: int, count: int) -> bytes:
        part = f"bytes={start}-{start + count - 1}"
        with self._trouble(path, "read"), with_retries(lambda: self._answer(path, Range=part)) as answer:
            if answer.status != _PARTIAL and start:
                raise StoreError(f"{self.url_of(path)}: the server does not give parts of a file.")
            return bytes(answer.read(count))

    def _answer(self, path: str, **headers: str) -> Any:
        try:
            return self._request(path, "GET", **headers)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise MissingFile(f"{self.url_of(path)} does not exist.", error) from error
            raise

    def get_file(self, path: str, local: str) -> FileEntry:
        with self._trouble(path, "read"), files.replacing(local) as target:
            with with_retries(lambda: self._answer(path)) as answer:
                passed = files.transfer(answer, target)
            _check_length(passed.size, answer)
        return FileEntry(path, passed.size, passed.sha256)

    def below(self, path: str) -> HttpStore:
        return HttpStore(f"{self.url}/{quote(safe_path(path))}", self._query[1:])

    def write(self, path: str, data: bytes) -> None:
        self._refuse("Writing to a web server")

    def create(self, path: str, data: bytes) -> bool:
        self._refuse("Writing to a web server")

    def append(self, path: str, data: bytes) -> None:
        self._refuse("Writing to a web server")

    def delete(self, path: str) -> None:
        self._refuse("Deleting from a web server")

    def put_file(self, local: str, path: str, *, move: bool = False, stamp: bool = True) -> FileEntry:
        self._refuse("Writing to a web server")

    def receive(self, source: BinaryIO, path: str, *, stamp: bool = True, passing: Passing | None = None) -> FileEntry:
        self._refuse("Writing to a web server")

    def _refuse(self, what: str) -> NoReturn:
        raise UnsupportedFeature(f"{what} ({self.url})", "HTTP has no such request", "a datastore, or one URL a file")


def _length(answer: Any) -> int:
    return int(answer.headers.get("Content-Length") or _UNKNOWN)


def _check_length(count: int, answer: Any) -> None:
    if _length(answer) not in (_UNKNOWN, count):
        raise ConnectionError(f"{count} of {_length(answer)} bytes came")


def _total(answer: Any) -> int | None:
    """The size of a file of which a range has come; None when the server sends the whole of it."""
    found = re.fullmatch(r"bytes 0-\d+/(\d+)", answer.headers.get("Content-Range") or "")
    return int(found.group(1)) if found and answer.status == 206 else None


def _whole(answer: Any) -> BinaryIO:
    """An answer as a file; a small one is held in memory."""
    if not 0 <= _length(answer) <= WHOLE:
        opened: BinaryIO = answer
        return opened
    with answer:
        data = answer.read()
    _check_length(len(data), answer)
    return io.BytesIO(data)


def _state(answer: Any) -> str:
    """What a server says of a file's state: all ranges must be of the same."""
    return str(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
