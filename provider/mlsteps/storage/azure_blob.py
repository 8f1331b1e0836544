"""adlfs with names taken as they are. Needs adlfs.

adlfs parses every path as a URL, and so chokes on names with brackets and mistakes others; here a path is a container
and a name, nothing more.
"""

from __future__ import annotations

import asyncio
import os
from functools import lru_cache
from typing import Any, Dict, Mapping, Tuple

from mlsteps.errors import InvalidInput

_NOT_THE_CONTAINER = ("AuthorizationPermissionMismatch", "AuthorizationFailure")
AZURE = ("abfs", "abfss", "az", "adl")


def open_blobs(url: str, options: Mapping[str, Any]) -> Tuple[Any, str]:
    """The file system of an account, and where the URL leads in it.

    :param url: ``abfs://container/folder`` or ``abfss://container@account.dfs.core.windows.net/folder``.
    """
    place, slash, folder = url.partition("://")[2].partition("/")
    return _class()(**options), place.partition("@")[0] + slash + folder


def unlike(path: str, url: str) -> InvalidInput:
    """That a path would be another one there: the service takes a backslash for a slash."""
    return InvalidInput(f"{path!r} cannot be a path in {url}", expected="no backslash: Azure reads it as /")


def account_in(url: str) -> Dict[str, str]:
    """What an address says of its account: ``account_name``, and ``account_host`` where it is an unusual one."""
    host = url.partition("://")[2].partition("/")[0].partition("@")[2]
    named = {"account_name": host.partition(".")[0]} if host else {}
    if host and not host.endswith(".core.windows.net"):
        named["account_host"] = host.replace(".dfs.", ".blob.", 1)
    return named


def _is_of_another_account(connection_string: str | None, name: str | None) -> bool:
    """Whether it is the machine's own, and not for the account of this name."""
    of_machine = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if not name or not of_machine or connection_string != of_machine:
        return False
    return f"AccountName={name};" not in f"{of_machine};"


async def _copied(target: Any, url: str) -> Tuple[str, str]:
    """Have a blob copied from a URL; how that ended, and its etag."""
    begun = await target.start_copy_from_url(url)
    status, pause, tag = begun["copy_status"], 0.05, begun["etag"]
    while status == "pending":
        await asyncio.sleep(pause)
        pause = min(2.0, 2 * pause)
        now = await target.get_blob_properties()
        status, tag = now.copy.status, now.etag
    return status, tag


@lru_cache(maxsize=1)
def _class() -> Any:
    from adlfs import AzureBlobFileSystem  # type: ignore[import-not-found, import-untyped]
    from azure.core.exceptions import HttpResponseError  # type: ignore[import-not-found, import-untyped]

    class Blobs(AzureBlobFileSystem):
        """See the module."""

        def do_connect(self) -> Any:
            """An account that is named is that one, whatever account the machine has a connection string for."""
            if _is_of_another_account(getattr(self, "connection_string", None), self.account_name):
                self.connection_string = None
            super().do_connect()

        @classmethod
        def _strip_protocol(cls, path: Any) -> Any:
            if isinstance(path, list):
                return [cls._strip_protocol(item) for item in path]
            text = str(path)
            for protocol in AZURE:
                if text.startswith(f"{protocol}://"):
                    text = text[len(protocol) + 3 :]
            return text.strip("/")

        async def _info(self, path: str, *args: Any, **kwargs: Any) -> Any:
            """A SAS token of a container opens what is in it, and is refused when asked of the container itself."""
            try:
                return await super()._info(path, *args, **kwargs)
            except HttpResponseError as error:
                container = self._strip_protocol(path)
                if "/" in container or getattr(error, "error_code", "") not in _NOT_THE_CONTAINER:
                    raise
                return {"name": container, "size": None, "type": "directory"}

        async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> Any:
            """A copy that the service makes; adlfs would not wait for its end. Answers with its ``etag``."""
            places = [self.split_path(path) for path in (path1, path2)]
            source, target = [self.service_client.get_blob_client(place[0], place[1]) for place in places]
            async with source, target:
                status, tag = await _copied(target, source.url)
            if status != "success":
                raise OSError(f"the service ended the copy of {path1} with status {status!r}")
            self.invalidate_cache(self._parent(path2))
            return {"etag": tag}

    return Blobs
