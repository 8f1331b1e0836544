"""Where data lies, as a service that reads it by itself is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlsteps.errors import InvalidInput

_DOMAIN = "core.windows.net"
#: Protocols that Spark's own file systems read, with the spelling that they know.
_READ_BY_SPARK = {
    "s3": "s3a",
    "s3a": "s3a",
    "gs": "gs",
    "gcs": "gs",
    "abfss": "abfss",
    "wasbs": "wasbs",
    "dbfs": "dbfs",
    "hdfs": "hdfs",
}


def spark_url(document: Mapping[str, Any], path: str, service: str) -> str:
    """The URL by which Spark reads a place in a datastore: ``wasbs``, ``abfss``, ``dbfs``, ``s3a``, ``gs`` or ``hdfs``.

    :param document: the datastore's; :param path: below it; :param service: the one that reads, for the error.
    :raises InvalidInput: for a place that no machine but this one can reach.
    """
    kind, account = document.get("type"), document.get("account_name")
    endpoint = document.get("endpoint") or _DOMAIN
    container = document.get("container_name") or document.get("filesystem")
    if kind == "AzureBlob" and account and container:
        return _below(f"wasbs://{container}@{account}.blob.{endpoint}", path)
    if kind == "AzureDataLakeGen2" and account and container:
        return _below(f"abfss://{container}@{account}.dfs.{endpoint}", path)
    if kind == "DBFS":
        return f"dbfs:/{path.lstrip('/')}"
    protocol, separator, rest = str(document.get("url") or "").partition("://")
    if separator and protocol in _READ_BY_SPARK:
        return _below(f"{_READ_BY_SPARK[protocol]}://{rest.partition('?')[0].rstrip('/')}", path)
    raise InvalidInput(
        f"{service} cannot reach datastore {document.get('name')!r} ({kind or protocol or 'local'})",
        expected="data on Azure Blob, ADLS Gen2, DBFS, S3 or Google Cloud Storage",
        mend="name a datastore there as the input's or output's own, or as the workspace's default",
    )


def _below(root: str, path: str) -> str:
    return f"{root}/{path.strip('/')}" if path.strip("/") else f"{root}/"
