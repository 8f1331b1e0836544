"""Azure Blob's requests, signed with the account's key or by a SAS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import xml.etree.ElementTree as xml
from email.utils import formatdate
from typing import Any, Dict, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from mlsteps.storage.objects.failures import RequestFailed
from mlsteps.storage.objects.options import Settings
from mlsteps.storage.objects.parts import Part
from mlsteps.storage.objects.requests import Requests

_VERSION = "2021-08-06"
#: Of the text that a signature is of, the lines between the method and the service's own headers.
_LINES = ("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date")
_MORE_LINES = ("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")


class AzureRequests(Requests):
    """See the base class.

    An upload is its key: blocks that are not committed yet, whose names say of what content they are, which part, and
    its digest. The service lets go of them when the blob is written, or after a week.
    """

    def __init__(self, address: str, settings: Settings) -> None:
        super().__init__(address)
        self._account = settings["account_name"]
        self._key = base64.b64decode(settings["account_key"]) if settings.get("account_key") else b""
        self._sas = str(settings.get("sas_key") or "")

    def look(self, at: str) -> Mapping[str, Any] | None:
        answer = self._ask("HEAD", self._url(at), good=(404,))
        found = answer.headers
        if answer.status == 404:
            return {}
        if found.get("x-ms-meta-hdi_isfolder"):
            return None
        told = {"content_md5": found.get("Content-MD5"), "last_modified": found.get("Last-Modified")}
        return {"name": at, "size": int(found["Content-Length"]), "etag": str(found["ETag"]), **told}

    def copy(self, source: str, at: str) -> str:
        url = self._url(at)
        origin = self._url(source) + (f"?{self._sas}" if self._sas else "")
        answer = self._ask("PUT", url, {"x-ms-copy-source": origin})
        pause = 0.05
        while answer.headers.get("x-ms-copy-status", "success") == "pending":
            time.sleep(pause)
            pause = min(2.0, 2 * pause)
            answer = self._ask("HEAD", url)
        status = answer.headers.get("x-ms-copy-status", "success")
        if status != "success":
            raise RequestFailed(f"the service ended the copy of {source} with status {status!r}", 500)
        return str(answer.headers["ETag"]).strip('"')

    def begin(self, at: str, key: str) -> str:
        return key[:20]

    def parts(self, at: str, upload: str) -> Dict[int, Part] | None:
        answer = self._ask("GET", self._url(at, "blocklisttype=uncommitted&comp=blocklist"), good=(404,))
        found: Dict[int, Part] = {}
        if answer.status == 404:
            return found
        for block in xml.fromstring(answer.data).iter("Block"):
            name = block.findtext("Name") or ""
            whose, _, rest = base64.b64decode(name).decode("ascii", "replace").partition("-")
            if whose == upload:
                found[int(rest.partition("-")[0])] = Part(int(block.findtext("Size") or 0), name)
        return found

    def put(self, at: str, upload: str, number: int, data: Any) -> Part:
        digest = hashlib.sha256(data).hexdigest()[:32]
        name = base64.b64encode(f"{upload}-{number:05d}-{digest}".encode()).decode()
        self._ask("PUT", self._url(at, f"blockid={quote(name, safe='')}&comp=block"), body=data)
        return Part(len(data), name)

    def holds(self, part: Part, data: Any) -> bool:
        said = base64.b64decode(part.tag).decode().rpartition("-")[2]
        return part.size == len(data) and said == hashlib.sha256(data).hexdigest()[:32]

    def finish(self, at: str, upload: str, parts: Mapping[int, Part]) -> str:
        rows = "".join(f"<Latest>{part.tag}</Latest>" for _, part in sorted(parts.items()))
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{rows}</BlockList>'.encode()
        answer = self._ask("PUT", self._url(at, "comp=blocklist"), body=body)
        return str(answer.headers["ETag"]).strip('"')

    def give_up(self, at: str, upload: str) -> None:
        """There is no such request."""

    def _signed(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Any:
        sent = {"x-ms-version": _VERSION, **headers}
        if not self._key:
            return f"{url}{'&' if '?' in url else '?'}{self._sas}", sent
        sent["x-ms-date"] = formatdate(usegmt=True)
        given = {name.lower(): value for name, value in sent.items()}
        given["content-length"] = str(len(body)) if body else ""
        own = [f"{name}:{given[name]}" for name in sorted(given) if name.startswith("x-ms-")]
        place = urlsplit(url)
        asked = [f"{name}:{value}" for name, value in sorted(parse_qsl(place.query, keep_blank_values=True))]
        lines = [method, *(given.get(name, "") for name in (*_LINES, *_MORE_LINES))]
        text = "\n".join([*lines, *own, f"/{self._account}{place.path}", *asked])
        signature = base64.b64encode(hmac.new(self._key, text.encode(), hashlib.sha256).digest()).decode()
        return url, {**sent, "Authorization": f"SharedKey {self._account}:{signature}"}
