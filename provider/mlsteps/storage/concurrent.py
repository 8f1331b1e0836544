"""Do many alike pieces of work at once, and stop at the first that fails."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Callable, List, Sequence, TypeVar

from mlsteps.storage.retry import with_retries

T = TypeVar("T")
U = TypeVar("U")


def each(work: Callable[[T], U], items: Sequence[T], workers: int, *, retries: bool = True) -> List[U]:
    """``work`` of each item, in the items' order; passing errors are tried again.

    :param workers: threads; 1 uses none.
    :param retries: False when ``work`` tries again by itself.
    :raises: the first error; what has not begun by then is left undone.
    """
    once: Callable[[Callable[[], U]], U] = with_retries if retries else _once
    if workers <= 1 or len(items) < 2:
        return [once(lambda item=item: work(item)) for item in items]  # type: ignore[misc]
    with ThreadPoolExecutor(min(workers, len(items)), thread_name_prefix="mlsteps-transfer") as pool:
        futures: List[Future[U]] = [pool.submit(once, lambda item=item: work(item)) for item in items]  # type: ignore[misc]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            for future in futures:
                future.cancel()  # does nothing to those that have begun
    for future in futures:
        if not future.cancelled():
            future.result()
    return [future.result() for future in futures]


def _once(work: Callable[[], U]) -> U:
    return work()
