"""A large object that is sent in parts, going on with those that a killed try has sent."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import Any, BinaryIO, Callable, Deque, Dict, Iterator, NamedTuple, Set, Tuple

from mlsteps.storage.ahead import PIECE, all_of
from mlsteps.storage.objects.failures import RequestFailed, Unanswered
from mlsteps.storage.objects.parts import Part, Parts
from mlsteps.storage.parts import Coming, Kept, Remarks
from mlsteps.storage.whole import Altered, Whole

#: An upload may have 10,000 parts.
_PARTS = 9_000


class Sent(NamedTuple):
    """What has arrived: the content's SHA-256, or "" where parts of an earlier try were not read again; its etag."""

    sha256: str
    tag: str


class Upload:
    """One object on its way.

    :param at: the object; :param remarks: where the upload's name is kept for a later try.
    :param passing: told how many bytes have just passed; :param kept: how many need not.
    """

    def __init__(
        self,
        requests: Parts,
        at: str,
        coming: Coming,
        remarks: Remarks,
        passing: Callable[[int], Any],
        kept: Kept,
    ) -> None:
        self._requests, self._at, self._coming, self._remarks = requests, at, coming, remarks
        self._passing, self._kept = passing, kept
        self._part = PIECE * -(-coming.size // (PIECE * _PARTS))
        self._count = -(-coming.size // self._part)
        self._name, self._there = self._go_on()

    def _go_on(self) -> Tuple[str, Dict[int, Part]]:
        """The upload of an earlier try and its parts, or a new one."""
        key, _, name = self._remarks.read().partition(" ")
        if name and key != self._coming.key:
            self._requests.give_up(self._at, name)  # of another content
        elif name:
            parts = self._requests.parts(self._at, name)
            if parts is not None:
                return name, {number: part for number, part in parts.items() if part.size == self._size_of(number)}
        name = self._requests.begin(self._at, self._coming.key)
        self._remarks.write(f"{self._coming.key} {name}")
        return name, {}

    def _size_of(self, number: int) -> int:
        return min(self._part, self._coming.size - (number - 1) * self._part)

    def send(self, width: int) -> Sent:
        """Send what is missing, ``width`` parts at once."""
        is_read = self._coming.is_near or not self._there
        done: Dict[int, Part] = {} if is_read else dict(self._there)
        self._kept(sum(part.size for part in done.values()))
        whole = Whole(self._coming.stamp)
        waiting: Deque[Tuple[int, Future[Part]]] = deque()
        with ThreadPoolExecutor(width, thread_name_prefix="mlsteps-parts") as pool:
            try:
                for number, piece in self._pieces(set(done)):
                    whole.update(piece)
                    if self._is_there(number, piece):
                        done[number] = self._there[number]
                        continue
                    self._passing(len(piece))
                    if len(waiting) >= width:
                        _take(waiting, done)
                    waiting.append((number, pool.submit(self._requests.put, self._at, self._name, number, piece)))
                while waiting:
                    _take(waiting, done)
            finally:
                for _, future in waiting:
                    future.cancel()
        if is_read and not whole.fits():
            self._requests.give_up(self._at, self._name)  # or a later try would take its parts for good ones
            self._remarks.write("")
            raise Altered(self._coming.place)
        return Sent(whole.hexdigest() if is_read else "", self._finish(done))

    def _is_there(self, number: int, piece: Any) -> bool:
        part = self._there.get(number)
        is_there = part is not None and self._requests.holds(part, piece)
        if is_there:
            self._kept(len(piece))
        return is_there

    def _finish(self, done: Dict[int, Part]) -> str:
        if len(done) != self._count:
            raise ConnectionError(f"{len(done)} of {self._count} parts came")
        self._coming.check()
        try:
            return self._requests.finish(self._at, self._name, done)
        except RequestFailed as error:
            if error.status != 404:
                raise
            # finished by another process, or by a request whose answer was lost: to be tried again
            raise Unanswered(f"the upload of {self._at} is gone", 0) from error

    def _pieces(self, but: Set[int]) -> Iterator[Tuple[int, Any]]:
        """The parts but these, with their numbers; what lies between two of them is not read."""
        wanted = [number for number in range(1, self._count + 1) if number not in but]
        for _, run in groupby(enumerate(wanted), lambda pair: pair[1] - pair[0]):
            numbers = [number for _, number in run]
            start = (numbers[0] - 1) * self._part
            with self._coming.open(start, min(numbers[-1] * self._part, self._coming.size)) as source:
                for number in numbers:
                    yield number, memoryview(_filled(source, self._size_of(number)))


def _take(waiting: Deque[Tuple[int, Future[Part]]], done: Dict[int, Part]) -> None:
    number, future = waiting.popleft()
    done[number] = future.result()


def _filled(source: BinaryIO, size: int) -> Any:
    """So many bytes of a file, without a copy where it has them in one piece."""
    pieces = list(all_of(source, size))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
