"""The objects of one account, read, written and copied by obstore."""

from __future__ import annotations

import os
import re
import threading
import weakref
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, Callable, Dict, Generator, Iterator, Mapping, MutableMapping, NamedTuple, Tuple, cast

from mlsteps.errors import AzureMLException, StoreError
from mlsteps.storage.ahead import PIECE, Pieces, as_they_come, in_order, one_ahead, without
from mlsteps.storage.base import redact
from mlsteps.storage.files import write_at
from mlsteps.storage.objects.failures import RequestFailed, Unanswered
from mlsteps.storage.objects.options import Settings, settings_of
from mlsteps.storage.objects.requests import OnlyWhole, open_requests
from mlsteps.storage.objects.uploads import Sent, Upload
from mlsteps.storage.parts import Coming, Kept, Remarks

#: Pieces under way at once, of all large objects together; each large object has at least two.
_UNDER_WAY = 16
_MOST = 8  # of one object
#: Bytes that are at least written at once where they go to a file; more, as they come.
_CHUNK = 64 << 10
#: A part of an upload may be one of 10,000.
_PARTS = 9_000

_PLAIN = re.compile(r"[A-Za-z0-9_./=-]+\Z")
_STATUS = re.compile(r"status code: (\d{3})")
_NETWORK = re.compile(
    r"HTTP error|error sending request|error decoding response|connection|timed out|broken pipe", re.I
)


class Head(NamedTuple):
    """What the service says of an object."""

    size: int
    tag: str


def open_objects(protocol: str, options: Mapping[str, Any], beside: Any) -> Objects | None:
    """The objects that these options open; None when obstore is not installed or cannot be told them.

    :param beside: the file system of the driver. Where it is one that has been opened before, so are they: they have
        connections.
    """
    settings = settings_of(protocol, options)
    if settings is None:
        return None
    try:
        import obstore  # noqa: F401
    except ImportError:
        return None
    process, known = _OPENED.get(beside, (0, None))
    if known is None or process != os.getpid() or not known.is_told(settings):
        known = Objects("s3" if protocol in ("s3", "s3a") else "azure", settings)
        _OPENED[beside] = (os.getpid(), known)
    return known


#: What file systems have been opened with, in which process.
_OPENED: MutableMapping[Any, Tuple[int, Objects]] = weakref.WeakKeyDictionary()


class Objects:
    """See the module. ``at`` is a bucket or container, a slash, and the object's name. Safe for threads."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._stores: Dict[str, Any] = {}
        self._large = 0
        self._lock = threading.Lock()
        self._requests = open_requests(service, settings)

    def is_told(self, settings: Settings) -> bool:
        """Whether it would be the same with these settings."""
        return self._settings == settings

    def look(self, at: str) -> Mapping[str, Any] | None:
        """What the driver's ``info`` would say of an object; nothing where there is none; None: ask the driver."""
        if self._requests is None or not self.takes(at):
            return None
        try:
            return self._requests.look(at)
        except Unanswered:
            raise
        except RequestFailed:
            return None  # it may know another way, and has errors of its own

    def takes(self, at: str) -> bool:
        """Whether obstore takes the name as it is."""
        bucket, _, name = at.partition("/")
        return bool(bucket and name) and "//" not in name and not name.endswith("/") and name.isprintable()

    def copies(self, source: str, at: str) -> bool:
        """Whether it can have an object copied: of a plain name, which all servers decode alike."""
        is_known = self._service == "s3" or self._requests is not None
        return is_known and self.takes(source) and self.takes(at) and bool(_PLAIN.match(source))

    def read(self, at: str) -> Any:
        """An object's bytes."""
        import obstore

        store, name = self._store(at)
        with _told(at):
            return obstore.get(store, name).bytes()

    def open(self, at: str, start: int, end: int) -> BinaryIO:
        """A large object as a file that is read once from one place to another, several pieces at once.

        All pieces are of one state of the object: one that is written meanwhile ends in an error.
        """
        return cast(BinaryIO, Pieces(self._pieces(at, start, end), end - start, partial(self._land, at, start, end)))

    def write(self, at: str, data: Any) -> str:
        """Make or replace an object in one request; its etag."""
        import obstore

        store, name = self._store(at)
        with _told(at):
            return _bare(obstore.put(store, name, data, use_multipart=False)["e_tag"])

    def write_pieces(self, at: str, pieces: Iterator[Any], size: int) -> str:
        """Make or replace an object with pieces of :data:`PIECE` bytes, the last one shorter; its etag.

        What the iterator raises ends it, and the object stays as it was.

        :param size: in bytes, as far as it is known.
        """
        import obstore

        store, name = self._store(at)
        part = max(PIECE, -(-size // _PARTS))
        with self._width() as width, _told(at):
            answer = obstore.put(store, name, pieces, use_multipart=True, chunk_size=part, max_concurrency=width)
        return _bare(answer["e_tag"])

    def send(
        self,
        at: str,
        coming: Coming,
        remarks: Remarks,
        passing: Callable[[int], Any],
        kept: Kept,
    ) -> Sent | None:
        """Make or replace an object so that a later process can go on; None where that cannot be."""
        if self._requests is None:
            return None
        with self._width() as width:
            return Upload(self._requests, at, coming, remarks, passing, kept).send(width)

    def give_up(self, at: str, remark: str) -> None:
        """Let go of what such an upload has left: the remark that it made."""
        name = remark.partition(" ")[2]
        if self._requests is not None and name:
            self._requests.give_up(at, name)

    def copy(self, source: str, at: str) -> Head:
        """Have the service copy an object within the account; size -1: it has waited until all is there."""
        import obstore

        if self._service == "azure":
            assert self._requests is not None
            return Head(-1, self._requests.copy(source, at))
        bucket, _, name = source.partition("/")
        store = self._of_all_buckets(bucket)
        with _told(at):
            obstore.copy(store, name, at)
            found = obstore.head(store, at)
        return Head(int(found["size"]), _bare(found["e_tag"]))

    def _store(self, at: str) -> Any:
        bucket, _, name = at.partition("/")
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = self._made(bucket)
            return self._stores[bucket], name

    def _of_all_buckets(self, bucket: str) -> Any:
        """A store whose names begin with their bucket, and whose copies are of objects in this one.

        obstore takes an endpoint of virtual hosts for the bucket's own address, and asks it for the name.
        """
        with self._lock:
            if f"{bucket}/" not in self._stores:
                address = self._settings.get("endpoint") or f"https://s3.{self._settings['region']}.amazonaws.com"
                self._stores[f"{bucket}/"] = self._made(bucket, endpoint=address, virtual_hosted_style_request=True)
            return self._stores[f"{bucket}/"]

    def _made(self, bucket: str, **more: Any) -> Any:
        from datetime import timedelta

        from obstore.store import AzureStore, S3Store

        retry: Any = {"max_retries": 6, "retry_timeout": timedelta(seconds=90)}
        if self._service == "s3":
            return S3Store(bucket=bucket, retry_config=retry, **{**self._settings, **more})
        return AzureStore(container_name=bucket, retry_config=retry, **self._settings)

    def _pieces(self, at: str, start: int, end: int) -> Iterator[Any]:
        with self._width() as width:
            first = self._first(at, start, end)
            if first is None:
                yield from self._oddly(at, start, end, width)
                return
            with _told(at):
                yield first.bytes()
            yield from in_order(partial(self._range, at, first.meta["e_tag"]), start + PIECE, end, width)

    def _land(self, at: str, start: int, end: int, descriptor: int, place: int) -> Generator[int, None, None]:
        """Write what lies between to an open file: each thread what it fetches, while the processor's cache has it."""
        with self._width() as width:
            first = self._first(at, start, end)
            if first is None:
                for piece in self._oddly(at, start, end, width):
                    yield write_at(descriptor, piece, place)
                    place += len(piece)
                return

            def fetch(begin: int, stop: int, ended: threading.Event) -> int:
                answer = first if begin == start else self._asked(at, first.meta["e_tag"], begin, stop)
                with _told(at):
                    return _drained(answer, stop - begin, descriptor, place + begin - start, ended)

            yield from as_they_come(fetch, start, end, width)

    def _first(self, at: str, start: int, end: int) -> Any:
        """The answer to the first request; None from a server whose answer obstore does not take."""
        import obstore

        store, name = self._store(at)
        with _told(at):
            try:
                return obstore.get(store, name, options={"range": (start, min(start + PIECE, end))})
            except obstore.exceptions.GenericError as error:
                if "non-partial" not in str(error):
                    raise
                return None

    def _range(self, at: str, tag: str | None, start: int, end: int) -> Any:
        with _told(at):
            return self._asked(at, tag, start, end).bytes()

    def _asked(self, at: str, tag: str | None, start: int, end: int) -> Any:
        import obstore

        store, name = self._store(at)
        options: Any = {"range": (start, end)}
        if tag:
            options["if_match"] = tag
        with _told(at):
            return obstore.get(store, name, options=options)

    def _oddly(self, at: str, start: int, end: int, width: int) -> Iterator[Any]:
        """From a server whose answers obstore takes for no ranges: they lack the status, or are none."""
        try:
            if self._requests is None:
                raise OnlyWhole()
            first, tag = self._requests.read(at, start, min(start + PIECE, end), None)
        except OnlyWhole:
            yield from without(self._whole(at), start)
            return
        yield first

        def fetch(begin: int, stop: int) -> Any:
            assert self._requests is not None
            return self._requests.read(at, begin, stop, tag)[0]

        yield from in_order(fetch, start + PIECE, end, width)

    def _whole(self, at: str) -> Iterator[Any]:
        import obstore

        store, name = self._store(at)
        with _told(at):
            yield from one_ahead(iter(obstore.get(store, name).stream(PIECE)))

    @contextmanager
    def _width(self) -> Iterator[int]:
        """How many pieces of one more large object may be under way."""
        with self._lock:
            self._large += 1
            width = max(2, min(_MOST, _UNDER_WAY // self._large))
        try:
            yield width
        finally:
            with self._lock:
                self._large -= 1


@contextmanager
def _told(at: str) -> Iterator[None]:
    """obstore's errors, shorter, and such that it shows which of them pass."""
    import obstore

    try:
        yield
    except AzureMLException:
        raise  # of whoever gives the pieces
    except FileNotFoundError as error:
        raise FileNotFoundError(_short(error)) from None
    except obstore.exceptions.PreconditionError as error:
        raise StoreError(f"{at} changed while it was being read. Write it completely before it is taken.") from error
    except obstore.exceptions.BaseError as error:
        text = _short(error)
        found = _STATUS.search(text)
        status = int(found.group(1)) if found else 0
        kind = Unanswered if not status and _NETWORK.search(text) else RequestFailed
        raise kind(text, status) from None


def _drained(answer: Any, count: int, descriptor: int, place: int, ended: threading.Event) -> int:
    """Write an answer's bytes, which are so many, to a file."""
    done = 0
    for some in answer.stream(_CHUNK):
        if ended.is_set():
            break
        done += write_at(descriptor, some, place + done)
    if done != count:
        raise ConnectionError(f"{done} of {count} bytes came")
    return done


def _short(error: BaseException) -> str:
    return redact(" ".join(str(error).partition("\n\nDebug source")[0].split()))


def _bare(tag: str | None) -> str:
    return (tag or "").strip('"')
