"""Source directories, content-addressed: ``snapshots/<digest>.zip`` in the workspace's store.

The digest is over paths, contents and which files may be executed, not over the bytes of the zip; times and other
permissions do not count, and neither does what :mod:`.ignore` leaves out.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import asdict, dataclass
from typing import Any, Collection, Dict, FrozenSet, Iterable, List, Tuple

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import InvalidInput, SnapshotException, StoreError
from mlsteps.storage import archive
from mlsteps.storage.digest_cache import DigestCache
from mlsteps.storage.digests import file_digest, hash_files, summary_of, tree_from, tree_of
from mlsteps.storage.git import git_properties
from mlsteps.storage.ignore import IgnoreRules
from mlsteps.storage.walk import Row, Walk, is_below
from mlsteps.storage.workspace_store import WorkspaceStore

__all__ = ["MAX_BYTES", "Snapshot", "digest", "files", "files_of", "git_properties", "take", "unpack"]

#: The SDK's limit in bytes; ``MLSTEPS_SNAPSHOT_MAX_BYTES`` sets another.
MAX_BYTES = 300 << 20

#: What :func:`unpack` writes at most, in bytes, unless the limit for taking is higher.
_UNPACKED = 4 << 30

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ATTEMPTS = 3


@dataclass(frozen=True)
class Snapshot:
    """A source directory at one moment: the digest of its content, the number of its files and their bytes."""

    digest: str
    count: int
    size: int


def take(directory: str, workspace: WorkspaceStore, *, max_bytes: int | None = None) -> Snapshot:
    """Store a source directory in the workspace; one that is there already is not sent again.

    :param max_bytes: limit of the files' sizes in all; None: ``MLSTEPS_SNAPSHOT_MAX_BYTES``, else 300 MB (SDK).
    :raises SnapshotException: when it is absent, too large, holds a link that leaves it, or changes meanwhile.
    """
    for _ in range(_ATTEMPTS):
        snapshot = _summary(directory, max_bytes)
        place = _place(snapshot.digest)
        if workspace.store.entry(place) is not None or _send(directory, snapshot, workspace, max_bytes):
            return snapshot
    raise SnapshotException(f"The source directory {directory} keeps changing while its snapshot is being taken.")


def digest(directory: str, extra: Iterable[str] = (), *, max_bytes: int | None = None) -> str:
    """The digest :func:`take` would answer, without storing anything; unchanged files are not read again.

    :param extra: paths that count in addition, ignored or not, absolute or below ``directory`` (``hash_paths`` of
        the SDK, deprecated there). With any, the digest covers them too and names no snapshot.
    """
    found = _summary(directory, max_bytes).digest
    extras = [[path, _digest_of_path(os.path.join(directory, path))] for path in extra]
    return digest_of([found, sorted(extras)]) if extras else found


def files(directory: str, *, max_bytes: int | None = None) -> Dict[str, str]:
    """SHA-256 of each file that a snapshot of the directory would hold, by path."""
    rows, _ = _files(directory, IgnoreRules(directory), ())
    _check_size(directory, rows, _limit(max_bytes))
    return hash_files(directory, rows)


def files_of(digest: str, workspace: WorkspaceStore) -> Dict[str, str]:
    """SHA-256 of each file of a stored snapshot, by path; to say what differs between two.

    :raises SnapshotException: when the snapshot is absent or damaged.
    """
    path = _place(digest)
    if workspace.store.entry(path) is None:
        raise SnapshotException(f"Snapshot {digest} is not in the workspace ({workspace.store.url_of(path)}).")
    with workspace.store.open(path) as file:
        return archive.digests(file)


def unpack(digest: str, workspace: WorkspaceStore, target: str, *, max_bytes: int | None = None) -> None:
    """Bring a snapshot to the folder ``target``, whole or not at all, and check its content against its digest.

    :param target: absent or empty.
    :raises SnapshotException: when the snapshot is absent or damaged, would write outside the folder, or holds more
        than ``max_bytes`` (None: 4 GiB, or the limit for taking snapshots when that is higher).
    """
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(f"{digest!r} is no snapshot", expected="a SHA-256 in hex")
    most = max(_UNPACKED, _limit(None)) if max_bytes is None else max_bytes
    path = _place(digest)
    if workspace.store.entry(path) is None:
        raise SnapshotException(f"Snapshot {digest} is not in the workspace ({workspace.store.url_of(path)}).")
    with workspace.store.open(path) as file, archive.into_folder(target) as folder:
        content, executable = archive.extract(file, folder, most)
        if _identity(content, executable) != digest:
            raise SnapshotException(f"Snapshot {digest} is damaged: its content has another digest. Take it again.")


def _place(digest: str) -> str:
    return f"snapshots/{digest}.zip"


def _limit(max_bytes: int | None) -> int:
    if max_bytes is not None:
        return max_bytes
    given = os.environ.get("MLSTEPS_SNAPSHOT_MAX_BYTES", "")
    if given and not given.isdigit():
        raise InvalidInput(f"MLSTEPS_SNAPSHOT_MAX_BYTES is {given!r}", expected="a number of bytes")
    return int(given or MAX_BYTES)


def _summary(directory: str, max_bytes: int | None) -> Snapshot:
    if not os.path.isdir(directory):
        raise SnapshotException(f"The source directory {os.path.abspath(directory)} is not there, or is no folder.")
    limit = _limit(max_bytes)
    rules = IgnoreRules(directory)

    def look(known: Collection[str]) -> Tuple[List[Row], FrozenSet[str]]:
        rows, left_out = _files(directory, rules, known)
        _check_size(directory, rows, limit)
        return rows, left_out

    def summarise(rows: List[Row], digests: Dict[str, str]) -> Dict[str, Any]:
        tree = tree_from(rows, digests)
        executable = [row[0] for row in rows if _is_executable(directory, row[0])]
        return asdict(Snapshot(_identity(tree.digest, executable), tree.count, tree.size))

    try:
        found = Snapshot(**summary_of(directory, DigestCache(directory, "snapshot", rules.identity), look, summarise))
    except StoreError as error:
        raise SnapshotException(
            f"The source directory cannot be taken: {error.message}", inner_exception=error
        ) from error
    if found.size > limit:  # remembered from a call with a higher limit
        look(())
    return found


def _identity(tree: str, executable: Iterable[str]) -> str:
    """What names a snapshot. Content alone would let a script keep a missing ``chmod +x`` for ever."""
    names = sorted(executable)
    return digest_of(["mlsteps-snapshot-1", tree, names]) if names else tree


def _is_executable(directory: str, path: str) -> bool:
    return bool(os.stat(os.path.join(directory, path)).st_mode & 0o100)


def _files(directory: str, rules: IgnoreRules, known: Collection[str]) -> Tuple[List[Row], FrozenSet[str]]:
    """The files that count, and the paths that do not.

    :param known: files that count by the same rules as before; matching patterns is what takes time.
    """
    real = os.path.realpath(directory)
    left_out = set()
    linked: Dict[str, str] = {}

    def enter(path: str, absolute: str) -> bool:
        if rules.leaves_out_folder(path, absolute):
            left_out.add(path + "/")
            return False
        if path in linked and not is_below(linked[path], real):
            raise _leaves(path, linked[path])
        return True

    def trouble(path: str, absolute: str, reason: str) -> None:
        if rules.leaves_out_file(path):
            return
        target = os.path.realpath(absolute)
        if os.path.islink(absolute) and not is_below(target, real):
            raise _leaves(path, target)
        if os.path.islink(absolute) and not os.path.exists(absolute):
            return  # such as an editor's lock: there is nothing that a script could read
        raise SnapshotException(f"{path} in the source directory {reason}. Remove it or name it in .amlignore.")

    rows = Walk(directory, enter=enter, trouble=trouble, link=linked.__setitem__).rows()
    kept = []
    for row in rows:
        if row[0] not in known and rules.leaves_out_file(row[0]):
            left_out.add(row[0])
            continue
        if row[0] in linked and not is_below(linked[row[0]], real):
            raise _leaves(row[0], linked[row[0]])
        kept.append(row)
    return kept, frozenset(left_out)


def _leaves(path: str, target: str) -> SnapshotException:
    return SnapshotException(
        f"{path} in the source directory is a link to {target}, outside of it. "
        "Copy what it points to into the source directory, or name it in .amlignore."
    )


def _check_size(directory: str, rows: List[Row], limit: int) -> None:
    size = sum(row[1] for row in rows)
    if len(rows) > archive.MOST_FILES:
        raise SnapshotException(
            f"The source directory {os.path.abspath(directory)} holds {len(rows)} files, which exceeds the limit of "
            f"{archive.MOST_FILES}. To mend it: name what the script does not need in .amlignore."
        )
    if size <= limit:
        return
    biggest = sorted(rows, key=lambda row: -row[1])[:5]
    named = ", ".join(f"{row[0]} ({_megabytes(row[1])})" for row in biggest)
    raise SnapshotException(
        f"The source directory {os.path.abspath(directory)} holds {_megabytes(size)} in {len(rows)} files, which "
        f"exceeds the limit of {_megabytes(limit)}. Biggest: {named}. To mend it: name what the script does not need "
        "in .amlignore, keep data in a datastore, or set MLSTEPS_SNAPSHOT_MAX_BYTES."
    )


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MB" if size >= 100 << 10 else f"{size} bytes"


def _send(directory: str, snapshot: Snapshot, workspace: WorkspaceStore, max_bytes: int | None) -> bool:
    """Zip and store; False when what was zipped is no longer what was hashed."""
    rows, _ = _files(directory, IgnoreRules(directory), ())
    _check_size(directory, rows, _limit(max_bytes))
    with tempfile.TemporaryDirectory(prefix="mlsteps-") as folder:
        path = os.path.join(folder, "snapshot.zip")
        content, executable = archive.pack(directory, [row[0] for row in rows], path)
        if _identity(content, executable) != snapshot.digest:
            return False
        workspace.store.put_file(path, _place(snapshot.digest), move=True)
    return True


def _digest_of_path(path: str) -> str:
    if os.path.isdir(path):
        return tree_of(path).digest
    if not os.path.exists(path):
        raise SnapshotException(f"{path}, named in hash_paths, does not exist.")
    return file_digest(path)
