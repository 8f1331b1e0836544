"""Which file goes where. The rules are those of ``DataTransferStep``:

* file to file takes that very name; file to directory goes to ``directory/<its name>``;
* directory to directory puts the contents, names kept, below the destination; directory to file is refused;
* a source is of the type of what lies there; a destination too, else of the source's type;
* other files at the destination stay, those of the same names are replaced, nothing is deleted at the source.

In an object store a file and a folder may have one name; the types tell them apart.
"""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

from mlsteps.errors import DatasetValidationError, InvalidInput, StoreError, UserErrorException
from mlsteps.storage.base import Store, safe_path
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.retry import with_retries

FILE, DIRECTORY = "file", "directory"


class Item(NamedTuple):
    """One file to copy: where it is, its path below the destination's place, its path in the destination's store."""

    source: SourceFile
    name: str
    path: str


class Plan(NamedTuple):
    """A transfer.

    :param store: of the destination; :param path: its place there, a file's or a folder's.
    :param kind: ``file`` or ``directory``: what the destination is.
    """

    store: Store
    path: str
    kind: str
    items: List[Item]

    @property
    def size(self) -> int:
        """Bytes in all, as far as they are known."""
        return sum(max(0, item.source.size) for item in self.items)

    def described(self) -> str:
        """The plan for a person, before anything is done."""
        places = "\n".join(
            f"  {item.source.store.url_of(item.source.path)} -> {self.store.url_of(item.path)}"
            for item in self.items[:20]
        )
        more = f"\n  and {len(self.items) - 20} more" if len(self.items) > 20 else ""
        place = f"the {self.kind} {self.store.url_of(self.path)}"
        return f"{len(self.items):,} files, {self.size:,} bytes to {place}\n{places}{more}"


def sources(store: Store, path: str, kind: str | None = None) -> Tuple[str, List[SourceFile]]:
    """``file`` or ``directory``, and the files at a place.

    :param kind: which of both is meant; None: what lies there, a file first.
    :raises DatasetValidationError: when nothing lies there, or only the other one.
    """
    path = safe_path(path)
    single = with_retries(lambda: store.entry(path)) if path and kind != DIRECTORY else None
    if single is not None:
        name = path.rpartition("/")[2]
        return FILE, [SourceFile(store, path, name, single.size, single.stamp)]
    if kind == FILE:
        raise DatasetValidationError(f"{_absent(store, path, 'file')} Leave source_reference_type out for a directory.")
    prefix = f"{path}/" if path else ""
    listed = with_retries(lambda: list(store.tree(path)))
    found = [SourceFile(store, item.path, item.path[len(prefix) :], item.size, item.stamp) for item in listed]
    if not found and store.kind(path) != "directory":
        raise DatasetValidationError(_absent(store, path, "directory" if kind else "file or directory"))
    return DIRECTORY, found


def _absent(store: Store, path: str, kind: str) -> str:
    return f"The source of the transfer, {store.url_of(path)}, does not exist as a {kind}."


def plan(found: Sequence[SourceFile], kind: str, store: Store, path: str, wanted: str | None = None) -> Plan:
    """The plan of a transfer.

    :param found: the source's files; :param kind: ``file`` when it is one file by its own name.
    :param path: in ``store``; ``""`` is its root. :param wanted: the destination's type; None: see the module.
    :raises UserErrorException: for a directory that is to become a file, two files of one name, a destination inside
        the source, or a file where a directory must be and the other way round.
    """
    path = safe_path(path)
    there = None if wanted and not _has_folders(store) else _there(store, path, kind)
    target = wanted or there or kind
    place = store.url_of(path)
    if target == FILE and kind == DIRECTORY:
        raise InvalidInput(f"A directory cannot be transferred to the file {place}", expected="a directory")
    if target == FILE and not path:
        raise InvalidInput(f"The root of {store.url} cannot be a file", expected="a path below it")
    if there and there != target and _has_folders(store):
        raise UserErrorException(f"{place} is a {there}; the transfer needs a {target} there. Choose another place.")
    if target == FILE:
        return Plan(store, path, FILE, [Item(found[0], "", path)])
    items = [
        Item(source, source.relative, f"{path}/{source.relative}" if path else source.relative) for source in found
    ]
    made = Plan(store, path, DIRECTORY, items)
    _refuse_clashes(made)
    return made


def _there(store: Store, path: str, kind: str) -> str | None:
    """What lies at a place, as far as it matters to a source of this kind."""
    if not path:
        return DIRECTORY
    if kind == DIRECTORY and not _has_folders(store):
        found = with_retries(lambda: store.entry(path))
        return FILE if found is not None else None  # to ask for a folder would be another request
    return with_retries(lambda: store.kind(path))


def _has_folders(store: Store) -> bool:
    """Whether a folder of the store is a thing of its own, which no file can share its name with."""
    return not getattr(store, "_atomic", False)


def _refuse_clashes(made: Plan) -> None:
    seen = set()
    for item in made.items:
        if safe_path(item.name) in seen:
            raise StoreError(f"Two files of the source have the name {item.name!r}.")
        seen.add(safe_path(item.name))
    own = {item.source.store.url_of(item.source.path) for item in made.items}
    for item in made.items:
        target = made.store.url_of(item.path)
        if target in own and target != item.source.store.url_of(item.source.path):
            raise UserErrorException(
                f"The destination {made.store.url_of(made.path)} overlaps the source: {target} would be overwritten "
                "while it is still to be copied. Choose a place outside the source."
            )
