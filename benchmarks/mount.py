"""A 1 GB file in S3 through a mount, against downloading it: its first byte, and all of it read from start to end.

Needs a server (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``), ``s3fs``, and FUSE. The peak
memory is of the process that serves the mount, and of one that downloads the same file.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import peak_mb, report, seconds

SIZE = 1 << 30
_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_DOWNLOAD = """
import json, sys
from benchmarks.measure import peak_mb
from mlsteps.storage.caching.fetch import fetch
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.open import open_store
place, row, target = json.loads(sys.stdin.read())
fetch(SourceFile(open_store(**place), *row), target)
print(peak_mb())
"""


def missing() -> str | None:
    """What this machine lacks; None when nothing."""
    from mlsteps.storage.mounting.mount import why_not

    lacking = [name for name in _VARIABLES if not os.environ.get(name)]
    if lacking:
        return f"needs an S3 server: {', '.join(lacking)}"
    try:
        import s3fs  # noqa: F401
    except ImportError:
        return "needs s3fs (pip install airflow-provider-mlsteps[s3])"
    return why_not()


@contextmanager
def bucket() -> Iterator[dict[str, Any]]:
    """A bucket with the file in it: what ``open_store`` takes."""
    import s3fs

    options = {"key": os.environ["AWS_ACCESS_KEY_ID"], "secret": os.environ["AWS_SECRET_ACCESS_KEY"]}
    options["endpoint_url"] = os.environ["AWS_ENDPOINT_URL"]
    service, name = s3fs.S3FileSystem(**options), f"b{uuid.uuid4().hex}"
    service.mkdir(name)
    try:
        piece = os.urandom(1 << 24)
        with service.open(f"{name}/large.bin", "wb", block_size=1 << 25) as file:
            for number in range(SIZE // len(piece)):
                file.write(number.to_bytes(8, "big") + piece[8:])
        yield {"url": f"s3://{name}", "credentials": options}
    finally:
        service.invalidate_cache()
        service.rm(name, recursive=True)


class Compared:
    """The same file, mounted and downloaded."""

    def __init__(self, place: dict[str, Any], folder: Path) -> None:
        from mlsteps.storage.datasets import SourceFile
        from mlsteps.storage.open import open_store

        store = open_store(**place)
        entry = next(iter(store.list()))
        self._item = SourceFile(store, entry.path, entry.path, entry.size, entry.stamp, entry.changed)
        self._place, self._row = place, [entry.path, entry.path, entry.size, entry.stamp, entry.changed]
        self._point, self._target = folder / "point", folder / "target"
        self._point.mkdir()
        self.peak = 0.0

    def clean(self) -> None:
        shutil.rmtree(self._target, ignore_errors=True)
        shutil.rmtree(Path(os.environ["MLSTEPS_HOME"], "cache"), ignore_errors=True)
        os.sync()

    def mounted(self, count: int) -> None:
        """Mount it, read ``count`` bytes, unmount."""
        from mlsteps.storage.mounting.mount import mount

        made = mount([self._item], str(self._point), print)
        try:
            with open(self._point / self._item.relative, "rb", buffering=0) as file:
                while count > 0:
                    piece = file.read(min(1 << 20, count))
                    assert piece
                    count -= len(piece)
            self.peak = max(self.peak, peak_mb(made.pid))
        finally:
            made.stop()

    def downloaded(self) -> None:
        from mlsteps.storage.caching.download import download

        download([self._item], str(self._target))

    def round(self) -> tuple[float, float, float]:
        """Seconds until the first byte, until all of it is read, and until it is downloaded."""
        times = []
        for work in (lambda: self.mounted(1), lambda: self.mounted(SIZE), self.downloaded):
            self.clean()
            times.append(seconds(work))
        return times[0], times[1], times[2]

    def memory_of_download(self) -> float:
        """In MB, of a process that does nothing else."""
        import json

        self._target.mkdir(exist_ok=True)
        told = json.dumps([self._place, self._row, str(self._target / "large.bin")])
        done = subprocess.run([sys.executable, "-c", _DOWNLOAD], input=told, capture_output=True, text=True, check=True)
        return float(done.stdout)


def compare(name: str, pairs: list[tuple[float, float]], **more: int) -> None:
    mounted, downloaded = (statistics.median(column) for column in zip(*pairs, strict=True))
    report(name, "s", mounted, downloaded, statistics.median(a / b for a, b in pairs), None, **more)


def main() -> None:
    reason = missing()
    if reason is not None:
        print(f"mount: skipped: {reason}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as name, bucket() as place:
        os.environ["MLSTEPS_HOME"] = str(Path(name) / "home")
        both = Compared(place, Path(name))
        both.mounted(1)  # the first has to load more than the others
        rounds = [both.round() for _ in range(3)]
        both.clean()
        memory = {"peak_memory_mb": round(both.peak), "peak_memory_of_download_mb": round(both.memory_of_download())}
        compare("mount_first_byte_of_1_gb", [(first, download) for first, _, download in rounds])
        compare("mount_read_1_gb", [(whole, download) for _, whole, download in rounds], **memory)


if __name__ == "__main__":
    main()
