"""Requests that obstore does not make: Azure's copies and looks, uploads that a later process goes on with, odd ranges.

They are sent by urllib3, which every driver brings, and signed with what the driver was told.
"""

from __future__ import annotations

import os
import urllib.request
from abc import abstractmethod
from typing import Any, Collection, Mapping, Tuple
from urllib.parse import quote

from mlsteps.errors import StoreError
from mlsteps.storage.base import redact
from mlsteps.storage.objects.failures import RequestFailed, Unanswered
from mlsteps.storage.objects.options import AUTHORITIES, Settings
from mlsteps.storage.objects.parts import Parts

_PASSING = (408, 429, 500, 502, 503, 504)
_TRIES = 6
_SECONDS = 120.0


class OnlyWhole(Exception):
    """A server that gives objects only whole."""


class Requests(Parts):
    """One account. ``at`` is a bucket or container, a slash, and the object's name. Safe for threads."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._pool = _pool(address)

    def read(self, at: str, start: int, end: int, tag: str | None) -> Tuple[Any, str]:
        """The bytes from one place to another of an object in one state, and its etag.

        :raises StoreError: when it is in another state.
        """
        headers = {"Range": f"bytes={start}-{end - 1}", **({"If-Match": f'"{tag}"'} if tag else {})}
        answer = self._ask("GET", self._url(at), headers, good=(412,))
        found = str(answer.headers.get("ETag") or "").strip('"')
        if answer.status == 412 or (tag and found != tag):
            raise StoreError(f"{at} changed while it was being read. Write it completely before it is taken.")
        if not str(answer.headers.get("Content-Range") or "").startswith(f"bytes {start}-{end - 1}/"):
            raise OnlyWhole(f"{at}: the server gives no parts of an object")
        return answer.data, found

    def look(self, at: str) -> Mapping[str, Any] | None:
        """What a driver's ``info`` says of an object; nothing where there is none; None: the driver has to be asked."""
        return None

    def copy(self, source: str, at: str) -> str:
        """Have the service copy an object within the account, and wait until it has; the copy's etag."""
        raise NotImplementedError(f"obstore copies {source} to {at}")

    @abstractmethod
    def _signed(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Any:
        """The URL and the headers of a request that the service accepts."""

    def _url(self, at: str, query: str = "") -> str:
        return f"{self._address}/{quote(at, safe='/~')}{'?' if query else ''}{query}"

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        good: Collection[int] = (),
    ) -> Any:
        """The answer, its body read.

        :param good: statuses that are no failure, besides 200 to 206.
        :raises RequestFailed: with the service's status and code.
        """
        from urllib3.exceptions import HTTPError

        signed, sent = self._signed(method, url, headers or {}, body)
        try:
            answer = self._pool.request(method, signed, headers=sent, body=body, redirect=False)
        except HTTPError as error:
            raise Unanswered(redact(str(error)), 0) from None
        if not 200 <= answer.status <= 206 and answer.status not in good:
            code = answer.headers.get("x-ms-error-code") or answer.data[:300].decode("utf-8", "replace")
            raise RequestFailed(redact(f"{method} {url}: status {answer.status}: {code}"), answer.status)
        return answer


def open_requests(service: str, settings: Settings) -> Requests | None:
    """Requests with these settings; None where they are not enough, or lead through a proxy."""
    address = str(settings.get("endpoint") or f"https://s3.{settings.get('region')}.amazonaws.com")
    scheme, _, place = address.partition("://")
    if {scheme, "all"} & set(urllib.request.getproxies()) and not urllib.request.proxy_bypass(place.partition("/")[0]):
        return None
    try:
        if service == "s3" and settings.get("access_key_id"):
            from mlsteps.storage.objects.s3_requests import S3Requests

            return S3Requests(address, settings)
        if service == "azure" and (settings.get("account_key") or settings.get("sas_key")):
            from mlsteps.storage.objects.azure_requests import AzureRequests

            return AzureRequests(address, settings)
    except ImportError:
        pass  # the driver was installed without what signs its requests
    return None


def _pool(address: str) -> Any:
    from urllib3 import PoolManager, Retry, Timeout

    retry = Retry(
        total=_TRIES, status_forcelist=_PASSING, allowed_methods=None, backoff_factor=0.2, raise_on_status=False
    )
    bundle = next((os.environ[name] for name in AUTHORITIES if os.path.isfile(os.environ.get(name, ""))), None)
    timeout = Timeout(connect=20.0, read=_SECONDS)
    return PoolManager(maxsize=32, retries=retry, timeout=timeout, ca_certs=bundle)
