"""adlfs with names taken as they are. Needs adlfs.

adlfs parses every path as a URL, and so chokes on names with brackets and mistakes others; here a path is a container
and a name, nothing more.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any, Mapping, Tuple

_NOT_THE_CONTAINER = ("AuthorizationPermissionMismatch", "AuthorizationFailure")
_PROTOCOLS = ("abfs", "abfss", "az", "adl")


def open_blobs(url: str, options: Mapping[str, Any]) -> Tuple[Any, str]:
    """The file system of an account, and where the URL leads in it.

    :param url: ``abfs://container/folder`` or ``abfss://container@account.dfs.core.windows.net/folder``.
    """
    place, slash, folder = url.partition("://")[2].partition("/")
    container, _, host = place.partition("@")
    named = {"account_name": host.partition(".")[0]} if host else {}
    if host and not host.endswith(".core.windows.net"):
        named["account_host"] = host.replace(".dfs.", ".blob.", 1)
    return _class()(**{**named, **options}), container + slash + folder


@lru_cache(maxsize=1)
def _class() -> Any:
    from adlfs import AzureBlobFileSystem  # type: ignore[import-not-found, import-untyped]
    from azure.core.exceptions import HttpResponseError  # type: ignore[import-not-found, import-untyped]

    class Blobs(AzureBlobFileSystem):
        """See the module."""

        @classmethod
        def _strip_protocol(cls, path: Any) -> Any:
            if isinstance(path, list):
                return [cls._strip_protocol(item) for item in path]
            text = str(path)
            for protocol in _PROTOCOLS:
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
                begun = await target.start_copy_from_url(source.url)
                status, pause, tag = begun["copy_status"], 0.05, begun["etag"]
                while status == "pending":
                    await asyncio.sleep(pause)
                    pause = min(2.0, 2 * pause)
                    now = await target.get_blob_properties()
                    status, tag = now.copy.status, now.etag
            if status != "success":
                raise OSError(f"the service ended the copy of {path1} with status {status!r}")
            self.invalidate_cache(self._parent(path2))
            return {"etag": tag}

    return Blobs
