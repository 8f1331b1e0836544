"""Files to a folder of this machine, by way of what the machine keeps."""

from __future__ import annotations

from typing import Callable, List

from mlsteps.storage.caching.cache import DataCache
from mlsteps.storage.concurrent import each
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.transfer import download_files, places_of, wanting

#: Files that are fetched at once.
WORKERS = 4


def download(
    found: List[SourceFile], target: str, *, overwrite: bool = False, note: Callable[[str], None] = lambda text: None
) -> List[str]:
    """As :func:`mlsteps.storage.transfer.download_files`, but a file that any step on this machine has fetched before
    is not fetched again, nor what a killed download has left of one.

    Files of local stores are copied; they are near enough.

    :param note: told how many files there were already, and when nothing can be kept.
    :raises StoreError: naming the file.
    """
    if all(item.store.local_path("") is not None for item in found):
        return download_files(found, target, overwrite=overwrite)
    places = places_of(found, target)
    missing = wanting(found, places, overwrite=overwrite)
    far = [item for item in missing if item.store.local_path("") is None]
    cache = DataCache()
    fresh = [item for item in far if not cache.is_kept(item)]
    size = sum(max(0, item.size) for item in fresh)
    if fresh and not cache.make_room(size):
        note(f"{len(fresh)} files ({size / 1e6:.1f} MB) are not kept for other steps: there is no room for them.")
        return download_files(found, target, overwrite=overwrite)
    if len(far) > len(fresh):
        note(f"{len(far) - len(fresh)} of {len(found)} files were on this machine already.")
    each(lambda item: cache.bring(item, places[item.relative]), far, WORKERS, retries=False)
    near = [item for item in missing if item.store.local_path("") is not None]
    if near:
        download_files(near, target, overwrite=overwrite)
    return [places[item.relative] for item in found]
