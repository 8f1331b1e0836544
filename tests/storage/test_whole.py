"""What does not fit the MD5 that its store says never gets its final name, and nothing of it is left."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlsteps.errors import StoreError
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.growing import grown
from mlsteps.storage.objects.parts import Part, Parts
from mlsteps.storage.objects.uploads import Upload
from mlsteps.storage.open import open_store
from mlsteps.storage.part_file import PartFile
from mlsteps.storage.parts import Coming, Remarks
from mlsteps.storage.whole import Whole, verified
from tests.storage.contract import paths
from tests.storage.test_growing import Folder, Noted

DATA = os.urandom(3 << 20)
ALTERED = DATA[:-1] + bytes([DATA[-1] ^ 1])


def stamp(data: bytes = DATA) -> str:
    return "md5:" + base64.b64encode(hashlib.md5(data).digest()).decode()


def coming(data: bytes) -> Coming:
    """Data that comes from a store that says it is :data:`DATA`."""
    return Coming("k", len(data), lambda a, b: io.BytesIO(data[a:b]), lambda: None, False, "x://y", stamp())


@pytest.mark.parametrize("beside", [True, False])
def test_both_digests_go_on_from_a_copy(beside) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = Whole(stamp())
        first.update(DATA[:1000], pool if beside else None)
        second = first.copy()
        second.update(DATA[1000:], pool if beside else None)
    assert (first.fits(), second.fits()) == (False, True)
    assert second.hexdigest() == hashlib.sha256(DATA).hexdigest()
    assert Whole("etag").fits() and not Whole("etag").is_compared


@pytest.mark.parametrize("size", [len(DATA), -1])
def test_the_last_bytes_of_what_does_not_fit_do_not_come(size) -> None:
    assert verified(io.BytesIO(DATA), stamp(), size, "x://y").read() == DATA
    file = verified(io.BytesIO(ALTERED), stamp(), size, "x://y")
    with pytest.raises(StoreError, match="x://y: what came is not what the store says"):
        while file.read(1 << 20):
            pass


def test_a_transfer(tmp_path, memory_store) -> None:
    memory_store.write("in/f", ALTERED)
    kind, found = sources(memory_store, "in/f")
    target = open_store(str(tmp_path))
    with pytest.raises(StoreError, match="in/f: what came is not what the store says"):
        copy(plan([item._replace(stamp=stamp()) for item in found], kind, target, "out"))
    assert paths(target) == []
    copy(plan([item._replace(stamp=stamp(ALTERED)) for item in found], kind, target, "out"))
    assert target.read("out") == ALTERED


def test_a_large_file_of_a_folder(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    told: Any = {"remarks": Remarks(), "passing": lambda count: None, "kept": lambda count: None}
    with pytest.raises(StoreError, match="x://y: what came is not"):
        store.receive_parts(coming(ALTERED), "f", **told)
    assert os.listdir(tmp_path) == []
    with PartFile(str(tmp_path / "f"), "k", stamp()) as part:
        part.write(DATA[:100])  # of a try that was killed
    store.receive_parts(coming(DATA), "f", **told)
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_large_file_that_grows(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="x://y: what came is not"):
        grown(Folder(tmp_path), "d/f", coming(ALTERED), Noted(), lambda count: None, lambda count: None)
    assert os.listdir(tmp_path / "d") == []


class InMemory(Parts):
    """Stands for a service that takes objects in parts."""

    def __init__(self) -> None:
        self.begun: dict[str, dict[int, bytes]] = {}
        self.finished: list[bytes] = []

    def begin(self, at: str, key: str) -> str:
        self.begun["upload"] = {}
        return "upload"

    def parts(self, at: str, upload: str) -> dict[int, Part] | None:
        return None

    def put(self, at: str, upload: str, number: int, data: Any) -> Part:
        self.begun[upload][number] = bytes(data)
        return Part(len(data), "")

    def holds(self, part: Part, data: Any) -> bool:
        return False

    def finish(self, at: str, upload: str, parts: Any) -> str:
        self.finished.append(b"".join(data for _, data in sorted(self.begun.pop(upload).items())))
        return "tag"

    def give_up(self, at: str, upload: str) -> None:
        self.begun.pop(upload)


def test_a_large_object_is_not_finished() -> None:
    service, remarks = InMemory(), Noted()
    with pytest.raises(StoreError, match="x://y: what came is not"):
        Upload(service, "b/o", coming(ALTERED), remarks, lambda count: None, lambda count: None).send(2)
    assert (service.begun, service.finished, remarks.text) == ({}, [], "")
    Upload(service, "b/o", coming(DATA), remarks, lambda count: None, lambda count: None).send(2)
    assert service.finished == [DATA]
