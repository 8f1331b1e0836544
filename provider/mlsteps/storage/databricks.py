"""fsspec's driver of DBFS with what it lacks: times, files that are replaced, and blocks of the one size there is.

Needs requests.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Dict, Mapping, Tuple


def open_dbfs(url: str, options: Mapping[str, Any]) -> Tuple[Any, str]:
    """The file system of a Databricks workspace, and where the URL leads in it.

    :param url: ``dbfs:///folder``. :param options: ``instance`` (a host name) and ``token``.
    """
    return _class()(**options), "/" + url.partition("://")[2].strip("/")


def _info(told: Mapping[str, Any]) -> Dict[str, Any]:
    kind = "directory" if told["is_dir"] else "file"
    changed = int(told.get("modification_time") or 0)  # in ms
    return {"name": told["path"], "type": kind, "size": told["file_size"], "modified": changed / 1000}


class _Mended:
    """No listing is remembered: other processes make them untrue."""

    _send_to_api: Any

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        found = [_info(told) for told in self._asked("get", "list", path=path).get("files", ())]
        return found if detail else [info["name"] for info in found]

    def info(self, path: str, **kwargs: Any) -> Any:
        return _info(self._asked("get", "get-status", path=path))

    def rm(self, path: str, recursive: bool = False, **kwargs: Any) -> None:
        while True:
            try:
                self._asked("post", "delete", path=path, recursive=recursive)
                return
            except Exception as error:
                if getattr(error, "error_code", "") != "PARTIAL_DELETE":  # of very many files some at a time
                    raise

    def _rm(self, path: str) -> None:
        self.rm(path)

    def rmdir(self, path: str) -> None:
        self.rm(path)

    def _asked(self, method: str, endpoint: str, **given: Any) -> Any:
        try:
            return self._send_to_api(method=method, endpoint=endpoint, json=given)
        except Exception as error:
            if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                raise FileNotFoundError(str(error)) from error
            raise


@lru_cache(maxsize=1)
def _class() -> Any:
    from fsspec.implementations.dbfs import DatabricksFileSystem

    class Dbfs(_Mended, DatabricksFileSystem):  # type: ignore[misc]
        """See the module."""

        def _open(self, path: str, mode: str = "rb", block_size: Any = None, **kwargs: Any) -> Any:
            return super()._open(path, mode=mode, block_size="default", **kwargs)

    return Dbfs
