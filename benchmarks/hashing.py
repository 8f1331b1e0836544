"""Hash a tree of 20,000 files, cold and warm, against `git status` warm on the same tree (target: warm at most 2.0)."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measure import paired, report, seconds

FILES = 20_000


def make_tree(root: Path) -> None:
    for number in range(FILES):
        folder = root / f"part{number // 500:02d}"
        if number % 500 == 0:
            folder.mkdir()
        (folder / f"file{number}.txt").write_bytes(b"%d\n" % number * 64)
    for folder, _, names in os.walk(root):  # as old as a checkout of yesterday: no file is "just written"
        for name in names:
            os.utime(os.path.join(folder, name), (1_700_000_000, 1_700_000_000))


def git(root: Path, *words: str) -> None:
    settings = ["-c", "gc.auto=0", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", *settings, *words], cwd=root, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    from mlsteps.storage.snapshots import digest

    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLSTEPS_HOME"] = os.path.join(folder, "home")
        root = Path(folder, "tree")
        root.mkdir()
        make_tree(root)
        git(root, "init", "-q")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "tree")
        cold = seconds(lambda: digest(str(root)))
        ours, peer, ratio = paired(lambda: digest(str(root)), lambda: git(root, "status", "--porcelain"))
        report("hash_20000_files_warm", "s", ours, peer, ratio, 2.0, cold=round(cold, 3))


if __name__ == "__main__":
    main()
