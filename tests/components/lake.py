"""An account with a hierarchical namespace (ADLS Gen2) as its Blob endpoint is documented to answer, before Azurite.

What differs from a flat account: folders exist. A blob's folders are made with it and stay when it goes; each is
listed as an empty blob with the metadata ``hdi_isfolder``. A folder with something in it cannot be deleted, none can be
written over, and nothing lies below a file.
"""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.components.faults import Handler, Proxy


class Lake(Proxy):
    """``folders`` are the paths of folders, ``container/folder``.

    :param account: a client of the account behind, which makes what stands for folders.
    """

    def __init__(self, address: str, account: Any) -> None:
        self.account = account
        self.folders: set[str] = set()
        super().__init__(address, lambda method, path, number: None, _Hierarchical)

    def refusal(self, method: str, path: str, query: str) -> str | None:
        """The code of the service's refusal. What a request may do, it finds prepared."""
        container, _, name = unquote(path).split("/", 2)[2].partition("/")
        if not name:
            return None
        comp = parse_qs(query).get("comp", [""])[0]
        with self.lock:
            if method == "PUT" and comp in ("", "blocklist"):
                return self._before_put(container, name)
            if method == "DELETE" and f"{container}/{name}" in self.folders:
                if next(iter(self._client(container).list_blobs(name_starts_with=name + "/")), None):
                    return "DirectoryIsNotEmpty"
                self.folders.discard(f"{container}/{name}")
        return None

    def _client(self, container: str) -> Any:
        return self.account.get_container_client(container)

    def _before_put(self, container: str, name: str) -> str | None:
        if f"{container}/{name}" in self.folders:
            return "ResourceTypeMismatch"
        parts = name.split("/")[:-1]
        missing = []
        for count in range(1, len(parts) + 1):
            folder = "/".join(parts[:count])
            if f"{container}/{folder}" not in self.folders:
                if self._client(container).get_blob_client(folder).exists():
                    return "ParentNotFound"
                missing.append(folder)
        for folder in missing:
            self._client(container).upload_blob(folder, b"", metadata={"hdi_isfolder": "true"})
            self.folders.add(f"{container}/{folder}")
        return None


class _Hierarchical(Handler):
    owner: Lake

    def _pass_on(self, body: bytes, cut: bool) -> None:
        parts = urlsplit(self.path)
        code = self.owner.refusal(self.command, parts.path, parts.query)
        if code is None:
            super()._pass_on(body, cut)
            return
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
        self.send_response_only(409, http.client.responses[409])
        for name, value in (("x-ms-error-code", code), ("Content-Type", "application/xml"), ("Connection", "close")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
