"""Places that `transfer_stores` copies between: each made new, filled, counted, emptied."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PIECE = 1 << 24


def pieces(size: int) -> Iterator[bytes]:
    """Bytes that no two files share, and no two pieces of a file."""
    random = os.urandom(min(size, PIECE))
    for start in range(0, size, PIECE):
        count = min(PIECE, size - start)
        yield start.to_bytes(8, "big") + random[8:count]


class Folders:
    """This machine."""

    needs = "nothing"

    def __init__(self, folder: Path) -> None:
        self._root = folder / uuid.uuid4().hex

    @staticmethod
    def is_there() -> bool:
        return True

    def at(self, place: str) -> dict:
        """How each program is told of the place."""
        path = str(self._root / place)
        return {"url": path, "options": {}, "protocol": "file", "rclone": path}

    def fill(self, place: str, files: list[tuple[str, int]]) -> None:
        for name, size in files:
            path = self._root / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                file.writelines(pieces(size))

    def count(self, place: str) -> tuple[int, int]:
        """Files and bytes."""
        sizes = [path.stat().st_size for path in (self._root / place).rglob("*") if path.is_file()]
        return len(sizes), sum(sizes)

    def remove(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)


class _Remote:
    """A bucket or container of its own, reached by the driver for all that is not measured."""

    protocol = ""

    def __init__(self, folder: Path) -> None:
        import fsspec

        self._name = f"bench{uuid.uuid4().hex[:12]}"
        self._fs = fsspec.filesystem(self.protocol, **self.options())
        self._fs.mkdir(self._name)

    @staticmethod
    def options() -> dict:
        raise NotImplementedError

    def at(self, place: str) -> dict:
        path = f"{self._name}/{place}"
        return {
            "url": f"{self.protocol}://{path}",
            "options": self.options(),
            "protocol": self.protocol,
            "rclone": f"{self.protocol}:{path}",
        }

    def fill(self, place: str, files: list[tuple[str, int]]) -> None:
        def put(file: tuple[str, int]) -> None:
            at = f"{self._name}/{place}/{file[0]}"
            if file[1] <= PIECE:
                self._fs.pipe_file(at, b"".join(pieces(file[1])))
                return
            with self._fs.open(at, "wb", block_size=2 * PIECE) as target:
                target.writelines(pieces(file[1]))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, files))

    def count(self, place: str) -> tuple[int, int]:
        self._fs.invalidate_cache()
        sizes = [item["size"] for item in self._fs.find(f"{self._name}/{place}", detail=True).values()]
        return len(sizes), sum(sizes)

    def remove(self) -> None:
        for attempt in range(10):  # a server may take a moment to see that a bucket is empty
            self._fs.invalidate_cache()
            try:
                if self._fs.exists(self._name):
                    self._fs.rm(self._name, recursive=True)
                return
            except OSError as error:
                print(f"{self._name} is not removed yet: {error}", file=sys.stderr)
                time.sleep(0.5 * attempt)


class Blobs(_Remote):
    """Azure Blob."""

    needs = "AZURE_STORAGE_CONNECTION_STRING"
    protocol = "abfs"

    @staticmethod
    def is_there() -> bool:
        return bool(os.environ.get("AZURE_STORAGE_CONNECTION_STRING"))

    @staticmethod
    def options() -> dict:
        return {"connection_string": os.environ["AZURE_STORAGE_CONNECTION_STRING"]}

    def say_md5(self, place: str, files: list[tuple[str, int]]) -> None:
        """Give each blob the property that rclone, AzCopy and the portal give it; small ones get it by the service."""
        from azure.storage.blob import BlobServiceClient, ContentSettings

        service = BlobServiceClient.from_connection_string(self.options()["connection_string"])
        for path, _ in files:
            with self._fs.open(f"{self._name}/{place}/{path}", "rb") as file:
                whole = hashlib.file_digest(file, "md5")
            blob = service.get_blob_client(self._name, f"{place}/{path}")
            blob.set_http_headers(ContentSettings(content_md5=bytearray(whole.digest())))

    @staticmethod
    def rclone() -> str:
        text = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
        account = dict(part.split("=", 1) for part in text.split(";") if part)
        return (
            f"[abfs]\ntype = azureblob\naccount = {account['AccountName']}\nkey = {account['AccountKey']}\n"
            f"endpoint = {account['BlobEndpoint']}\n"
        )


class Buckets(_Remote):
    """S3."""

    needs = "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
    protocol = "s3"

    @staticmethod
    def is_there() -> bool:
        names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        return all(os.environ.get(name) for name in names)

    @staticmethod
    def options() -> dict:
        return {
            "key": os.environ["AWS_ACCESS_KEY_ID"],
            "secret": os.environ["AWS_SECRET_ACCESS_KEY"],
            "endpoint_url": os.environ["AWS_ENDPOINT_URL"],
            "client_kwargs": {"region_name": os.environ.get("AWS_DEFAULT_REGION", "eu-west-1")},
        }

    @classmethod
    def rclone(cls) -> str:
        options = cls.options()
        return (
            f"[s3]\ntype = s3\nprovider = Rclone\naccess_key_id = {options['key']}\n"
            f"secret_access_key = {options['secret']}\nendpoint = {options['endpoint_url']}\n"
            f"region = {options['client_kwargs']['region_name']}\n"
        )
