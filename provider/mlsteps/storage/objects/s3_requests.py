"""S3's requests, signed by botocore."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as xml
from typing import Any, Callable, Dict, Mapping, Tuple
from urllib.parse import quote

from mlsteps.storage.objects.failures import RequestFailed
from mlsteps.storage.objects.options import Settings
from mlsteps.storage.objects.parts import Part
from mlsteps.storage.objects.requests import Requests


class S3Requests(Requests):
    """See the base class. An upload is one that S3 keeps until it is finished or given up."""

    def __init__(self, address: str, settings: Settings) -> None:
        super().__init__(address)
        keys = (settings["access_key_id"], settings["secret_access_key"], settings.get("session_token"))
        self._sign = _signing(keys, settings["region"])

    def begin(self, at: str, key: str) -> str:
        return _text(_read(self._ask("POST", self._url(at, "uploads="))), "UploadId")

    def parts(self, at: str, upload: str) -> Dict[int, Part] | None:
        found: Dict[int, Part] = {}
        after = 0
        while True:
            query = f"part-number-marker={after}&uploadId={quote(upload, safe='')}"
            answer = self._ask("GET", self._url(at, query), good=(404,))
            if answer.status == 404:
                return None
            page = _read(answer)
            for part in page.iterfind("{*}Part"):
                found[int(_text(part, "PartNumber"))] = Part(int(_text(part, "Size")), _text(part, "ETag").strip('"'))
            following = int(_text(page, "NextPartNumberMarker") or 0)
            if _text(page, "IsTruncated") != "true" or following <= after:
                return found
            after = following

    def put(self, at: str, upload: str, number: int, data: Any) -> Part:
        query = f"partNumber={number}&uploadId={quote(upload, safe='')}"
        answer = self._ask("PUT", self._url(at, query), body=data)
        return Part(len(data), answer.headers["ETag"].strip('"'))

    def holds(self, part: Part, data: Any) -> bool:
        return part == Part(len(data), hashlib.md5(data).hexdigest())

    def finish(self, at: str, upload: str, parts: Mapping[int, Part]) -> str:
        rows = (
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{part.tag}&quot;</ETag></Part>"
            for number, part in sorted(parts.items())
        )
        body = f"<CompleteMultipartUpload>{''.join(rows)}</CompleteMultipartUpload>".encode()
        answer = self._ask("POST", self._url(at, f"uploadId={quote(upload, safe='')}"), body=body)
        return _text(_read(answer), "ETag").strip('"')

    def give_up(self, at: str, upload: str) -> None:
        self._ask("DELETE", self._url(at, f"uploadId={quote(upload, safe='')}"), good=(404,))

    def _signed(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Any:
        return url, self._sign(method, url, headers, hashlib.sha256(body or b"").hexdigest())


def _signing(keys: Tuple[Any, ...], region: str) -> Callable[[str, str, Mapping[str, str], str], Dict[str, str]]:
    """Answers the headers of a request of this method, URL, headers and digest of its body.

    :raises ImportError: without botocore.
    """
    from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
    from botocore.credentials import Credentials  # type: ignore[import-untyped]

    class Signer(S3SigV4Auth):  # type: ignore[misc]
        def payload(self, request: Any) -> str:
            """The service compares it with what arrives."""
            return str(request.context["digest"])

    signer = Signer(Credentials(*keys), "s3", region)

    def sign(method: str, url: str, headers: Mapping[str, str], digest: str) -> Dict[str, str]:
        request = AWSRequest(method=method, url=url, headers=dict(headers))
        request.context["digest"] = digest
        signer.add_auth(request)
        return dict(request.headers.items())

    return sign


def _read(answer: Any) -> xml.Element:
    """The document of an answer, which may turn out to be an error although its status is 200."""
    found = xml.fromstring(answer.data)
    if found.tag.rpartition("}")[2] == "Error":
        raise RequestFailed(f"{_text(found, 'Code')}: {_text(found, 'Message')}", 500)
    return found


def _text(element: xml.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
