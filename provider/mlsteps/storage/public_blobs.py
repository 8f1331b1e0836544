"""Public containers of an Azure storage account, by their web address: unlike other web servers they can be listed.

``https://<account>.blob.core.windows.net/<container>/<folder>`` in a dataset is a folder there (SDK: web paths to
public blobs). Standard library only; the listing is the Blob service's *List Blobs* request, without any credential
but what the address itself holds behind its ``?``.
"""

from __future__ import annotations

import xml.etree.ElementTree as tree
from typing import Iterator, Tuple
from urllib.parse import unquote, urlencode, urlsplit

from mlsteps.errors import StoreError
from mlsteps.storage.base import Entry, safe_path
from mlsteps.storage.http import HttpStore
from mlsteps.storage.stamps import changed_of

_HOSTS = (".blob.core.windows.net", ".blob.core.chinacloudapi.cn", ".blob.core.usgovcloudapi.net")


def web_store(address: str, query: str = "") -> HttpStore:
    """The store at a web address, by what kind of server its host is."""
    host = (urlsplit(address).hostname or "").lower()
    return (PublicBlobs if host.endswith(_HOSTS) else HttpStore)(address, query)


class PublicBlobs(HttpStore):
    """A storage account, a container or a folder of one; the first part of the whole path is the container."""

    def list(self, path: str = "") -> Iterator[Entry]:
        """Every blob below ``path``, or the blob of that name.

        :raises StoreError: when the container may not be listed by everyone.
        """
        found = self.entry(path) if path and self._parts(path)[1] else None
        if found is not None:
            yield found
            return
        yield from sorted(self._blobs(path))

    def kind(self, path: str) -> str | None:
        if super().kind(path):
            return "file"
        return "directory" if next(iter(self._blobs(path)), None) else None

    def below(self, path: str) -> PublicBlobs:
        return PublicBlobs(super().below(path).url, self._query[1:])

    def _parts(self, path: str) -> Tuple[str, str]:
        """The container, and what lies in it."""
        whole = "/".join(filter(None, [unquote(urlsplit(self.url).path).strip("/"), safe_path(path)]))
        container, _, inside = whole.partition("/")
        return container, inside

    def _blobs(self, path: str) -> Iterator[Entry]:
        container, inside = self._parts(path)
        if not container:
            self._refuse("Listing the containers of a storage account")
        prefix = f"{inside}/" if inside else ""
        own = self._parts("")[1]
        marker = ""
        while True:
            page = self._page(path, container, prefix, marker)
            for blob in page.iter("Blob"):
                entry = _entry(blob)
                if entry is not None:
                    relative = entry.path[len(own) + 1 :] if own else entry.path
                    yield entry._replace(path=relative if self._is_inside() else f"{container}/{relative}")
            marker = page.findtext("NextMarker") or ""
            if not marker:
                return

    def _is_inside(self) -> bool:
        """Whether this store is a container or a folder of one, so that its paths do not name the container."""
        return bool(self._parts("")[0])

    def _page(self, path: str, container: str, prefix: str, marker: str) -> tree.Element:
        asked = {"restype": "container", "comp": "list", "prefix": prefix, "marker": marker}
        query = "&".join(filter(None, [urlencode({k: v for k, v in asked.items() if v}), self._query[1:]]))
        parts = urlsplit(self.url)
        account = HttpStore(f"{parts.scheme}://{parts.netloc}", query)
        try:
            return tree.fromstring(account.read(container))
        except StoreError as error:
            text = f"{self.url_of(path)} is no blob, and its container cannot be listed: {error.message}"
            raise StoreError(text, error) from error


def _entry(blob: tree.Element) -> Entry | None:
    """A blob of a listing; None for the markers that stand for folders."""
    about = blob.find("Properties")
    name = blob.findtext("Name") or ""
    if about is None or about.findtext("ResourceType") == "directory" or blob.find("Metadata/hdi_isfolder") is not None:
        return None
    digest, tag = about.findtext("Content-MD5"), about.findtext("Etag")
    stamp = f"md5:{digest}" if digest else (tag or "").strip('"')
    changed = changed_of({"last_modified": about.findtext("Last-Modified")})
    return Entry(name, int(about.findtext("Content-Length") or -1), stamp, changed)
