"""What of a source directory does not count: ``.amlignore``, else ``.gitignore``, as in the SDK.

Only the file at the root is consulted, and when there is an ``.amlignore`` the ``.gitignore`` is not (SDK). Always
left out, whatever the rules say: ``.git``; ``__pycache__``, because importing a module would otherwise change its
source directory; the ``MLSTEPS_HOME`` folder and local workspaces, which grow with every run.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from mlsteps.errors import SnapshotException
from mlsteps.storage.places import home
from mlsteps.storage.walk import is_below

_FILES = (".amlignore", ".gitignore")
_NEVER = (".git", "__pycache__")


class IgnoreRules:
    """The rules of one source directory.

    :param directory: its root.
    """

    def __init__(self, directory: str) -> None:
        own_home, root = os.path.realpath(home()), os.path.realpath(directory)
        self._home = os.path.relpath(own_home, root) if is_below(own_home, root) else ""
        self.source, self._text = _read_first(directory)
        self._patterns: Any = None
        always = "\0".join(("1", *_NEVER, self._home))
        self.identity = hashlib.sha256(f"{always}\0{self._text}".encode("utf-8", "surrogatepass")).hexdigest()

    def leaves_out_file(self, path: str) -> bool:
        """Whether a file does not count."""
        name = path.rpartition("/")[2]
        return name in _NEVER or (bool(self._text) and self._matches(path))

    def leaves_out_folder(self, path: str, absolute: str) -> bool:
        """Whether a folder and all below it do not count.

        A folder is passed by only when the last rule that fits it leaves it out under both its spellings, ``data``
        and ``data/``: a rule ``data/`` still lets ``!data/keep.csv`` bring a file back, as in the SDK.
        """
        if path.rpartition("/")[2] in _NEVER or path == self._home or _is_workspace(absolute):
            return True
        return bool(self._text) and self._last_word(path) and self._last_word(path + "/")

    def _matches(self, path: str) -> bool:
        return bool(self._compiled().match_file(path))

    def _last_word(self, path: str) -> bool:
        fitting = (item for item in reversed(list(self._compiled().patterns)) if item.include is not None)
        return next((bool(item.include) for item in fitting if item.match_file(path) is not None), False)

    def _compiled(self) -> Any:
        if self._patterns is None:
            self._patterns = _compile(self._text, self.source)
        return self._patterns


def _read_first(directory: str) -> tuple[str, str]:
    for name in _FILES:
        path = os.path.join(directory, name)
        try:
            with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
                return path, file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise SnapshotException(f"{path} cannot be read: {error.strerror}", inner_exception=error) from error
    return "", ""


def _compile(text: str, source: str) -> Any:
    try:
        from pathspec import GitIgnoreSpec
    except ImportError as error:
        raise SnapshotException(
            f"{source} needs a package to be understood: pip install pathspec", inner_exception=error
        ) from error
    try:
        return GitIgnoreSpec.from_lines(text.splitlines())
    except ValueError as error:
        raise SnapshotException(
            f"{source} holds a pattern that cannot be understood: {error}", inner_exception=error
        ) from error


def _is_workspace(folder: str) -> bool:
    """Whether a folder is the root of a local workspace."""
    return os.path.exists(f"{folder}/workspace.json") and os.path.isdir(f"{folder}/datastores")
