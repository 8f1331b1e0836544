"""A large source, as the store that receives it is told of it."""

from __future__ import annotations

from functools import partial

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import StoreError
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.parts import Coming
from mlsteps.storage.retry import with_retries


def coming(source: SourceFile) -> Coming:
    """What is to be received; in one state, which its listing has told."""
    store = source.store
    place = store.url_of(source.path)

    def check() -> None:
        found = with_retries(lambda: store.entry(source.path))
        if found is None or (found.size, found.stamp) != (source.size, source.stamp):
            raise StoreError(f"{place} changed while it was being read. Write it completely before it is taken.")

    return Coming(
        key=digest_of([place, source.size, source.stamp]),
        size=source.size,
        open=partial(store.section, source.path, size=source.size),
        check=check,
        is_near=store.local_path(source.path) is not None,
        place=place,
        stamp=source.stamp,
    )
