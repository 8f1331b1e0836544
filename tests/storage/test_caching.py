"""What a machine keeps of remote stores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput, StoreError
from mlsteps.storage.caching import settings
from mlsteps.storage.caching.cache import DataCache
from mlsteps.storage.caching.download import download
from mlsteps.storage.caching.fetch import BLOCK
from mlsteps.storage.datasets import SourceFile, resolve_files
from mlsteps.storage.open import open_store
from tests.components.web import serving

CHANGED = 1717581600 * 10**9  # as the web server says


@pytest.fixture
def web():
    with serving() as server:
        yield server


@pytest.fixture
def targets(tmp_path):
    return (tmp_path / f"target{number}" for number in range(100))


def files_of(web, *names):
    return resolve_files(web.definition(*names), open_store)


def get(web, targets, *names, **more):
    """Download them into a new folder; the content by name."""
    target = next(targets)
    download(files_of(web, *names), str(target), **more)
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def test_it_is_fetched_once_and_keeps_names_and_times(web, targets):
    web.files = {"a b#1%?.txt": b"1", "d/größe": os.urandom(3 * BLOCK + 1), "empty": b""}
    notes = []
    assert get(web, targets, *web.files) == web.files
    given = len(web.given)
    assert get(web, targets, *web.files, note=notes.append) == web.files
    assert len(web.given) == given
    assert notes == ["3 of 3 files were on this machine already."]
    target = next(targets)
    download(files_of(web, *web.files), str(target))
    assert {os.stat(path).st_mtime_ns for path in target.rglob("*") if path.is_file()} == {CHANGED}


def test_another_content_is_fetched(web, targets):
    web.files = {"a": b"1", "b": b"2"}
    get(web, targets, "a", "b")
    web.files["a"] = b"3"
    assert get(web, targets, "a", "b") == {"a": b"3", "b": b"2"}


@pytest.fixture
def open_folder():
    """A folder that every user may write into and reach, as a test's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield folder


@pytest.mark.parametrize("user", ["root", "another"])
def test_a_script_that_writes_into_its_input_changes_only_its_own(web, open_folder, user):
    """Nobody but root can write to a linked file; root gets a copy."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    web.files = {"a": b"before", "b": b"2"}
    code = f"""
        import json, os, sys
        from mlsteps.storage.caching.download import download
        from mlsteps.storage.datasets import resolve_files
        from mlsteps.storage.open import open_store
        found = resolve_files(json.loads(sys.argv[1]), open_store)
        download(found, {os.path.join(open_folder, "first")!r})  # whatever is imported later, the user may not read
        if {user == "another"}:
            os.setgid(65534), os.setuid(65534)
        os.environ["MLSTEPS_HOME"] = {os.path.join(open_folder, "home")!r}
        for target in ("one", "two", "three"):
            target = os.path.join({open_folder!r}, target)
            download(found, target)
            try:
                open(target + "/a", "w").write("after!")
                print("written")
            except PermissionError:
                print("refused")
            os.replace(target + "/b", target + "/moved")
            os.unlink(target + "/moved")
            print(open(target + "/a").read(), os.stat(target + "/a").st_nlink)
    """
    given = __import__("json").dumps(web.definition("a", "b"))
    package = Path(__file__).parents[2] / "provider"
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), given],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0, out.stderr
    lines = out.stdout.splitlines()
    if user == "root":
        assert lines == ["written", "after! 1"] * 3
    else:
        assert lines == ["refused", "before 2", "refused", "before 3", "refused", "before 4"]
    assert web.bytes_of("a") == 2 * len(b"before")


def test_what_root_did_to_a_kept_file_is_noticed(web, targets):
    web.files = {"a": b"before", "b": b"2"}
    get(web, targets, "a", "b")
    for path in Path(DataCache().root, "files").rglob("*.*"):
        os.chmod(path, 0o600)
        path.write_bytes(b"after!"[: path.stat().st_size])
    assert get(web, targets, "a", "b") == web.files


KILLED = """
    import json, sys
    from mlsteps.storage.caching.download import download
    from mlsteps.storage.datasets import resolve_files
    from mlsteps.storage.open import open_store
    download(resolve_files(json.loads(sys.argv[1]), open_store), sys.argv[2])
"""


def test_a_killed_download_goes_on_where_it_was(web, targets, home):
    web.files = {"large": os.urandom(12 * BLOCK + 7), "small": b"s"}
    given = __import__("json").dumps(web.definition("large", "small"))
    web.slow = 0.2
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), given, str(next(targets))])
    parts = home / "cache" / "data" / "parts"
    while not any(path.stat().st_size >= 3 * 65 for path in parts.glob("*.blocks")):
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    web.slow = 0
    kept = sum(path.stat().st_size // 65 for path in parts.glob("*.blocks"))
    assert 3 <= kept < 12
    time.sleep(0.6)  # what was asked for before the kill is over
    web.given.clear()
    assert get(web, targets, "large", "small") == web.files
    assert web.bytes_of("large") == len(web.files["large"]) - kept * BLOCK
    assert os.listdir(parts) == []


def test_what_was_altered_of_a_killed_download_is_fetched_again(web, targets, home, monkeypatch):
    web.files = {"large": os.urandom(5 * BLOCK), "small": b"s"}
    item = next(item for item in files_of(web, "large", "small") if item.relative == "large")
    from mlsteps.storage.caching import fetch

    part = home / "part"
    home.mkdir(exist_ok=True)
    part.write_bytes(web.files["large"][: 3 * BLOCK])
    with open(f"{part}.blocks", "w") as file:
        for start in range(0, 3 * BLOCK, BLOCK):
            file.write(__import__("hashlib").sha256(web.files["large"][start : start + BLOCK]).hexdigest() + "\n")
    with open(part, "r+b") as file:
        file.seek(BLOCK + 5)
        file.write(b"altered")
    fetched = fetch.fetch(item, str(part))
    assert fetched.sha256 == __import__("hashlib").sha256(web.files["large"]).hexdigest()
    assert part.read_bytes() == web.files["large"]
    assert web.bytes_of("large") == 4 * BLOCK


def test_two_that_want_it_at_once_fetch_it_once(web, targets):
    web.files = {"large": os.urandom(2 * BLOCK), "small": b"s"}
    web.hold.clear()
    found = files_of(web, "large", "small")
    folders = [str(next(targets)) for _ in range(4)]
    threads = [threading.Thread(target=download, args=(found, folder)) for folder in folders]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    web.hold.set()
    for thread in threads:
        thread.join()
    assert all(Path(folder, "large").read_bytes() == web.files["large"] for folder in folders)
    assert (web.bytes_of("large"), web.bytes_of("small")) == (2 * BLOCK, 1)


def test_processes_that_want_it_at_once_fetch_it_once(web, targets):
    web.files = {"large": os.urandom(2 * BLOCK), "small": b"s"}
    web.hold.clear()
    given = __import__("json").dumps(web.definition("large", "small"))
    folders = [str(next(targets)) for _ in range(3)]
    code = textwrap.dedent(KILLED)
    processes = [subprocess.Popen([sys.executable, "-c", code, given, folder]) for folder in folders]
    time.sleep(2)  # until all want it, most likely
    web.hold.set()
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert all(Path(folder, "large").read_bytes() == web.files["large"] for folder in folders)
    assert (web.bytes_of("large"), web.bytes_of("small")) == (2 * BLOCK, 1)


def test_what_does_not_have_the_stores_own_checksum_is_refused(web, targets):
    import base64
    import hashlib

    web.files = {"a": b"1" * 10, "large": b"2" * (BLOCK + 1)}
    right = {name: "md5:" + base64.b64encode(hashlib.md5(data).digest()).decode() for name, data in web.files.items()}
    store = open_store(web.url)
    for name in web.files:
        item = SourceFile(store, name, name, len(web.files[name]), right["a"])
        if name == "a":
            download([item], str(next(targets)))
            item = item._replace(stamp=right["large"])
        with pytest.raises(StoreError, match="not what the store says|changed while"):
            download([item], str(next(targets)))
    assert os.listdir(Path(DataCache().root, "parts")) == []


def test_a_file_that_changes_meanwhile_is_said(web, targets):
    web.files = {"large": os.urandom(3 * BLOCK), "small": b"s"}
    found = files_of(web, "large", "small")
    web.files["large"] = os.urandom(3 * BLOCK)
    with pytest.raises(StoreError, match="changed while it was downloaded"):
        download(found, str(next(targets)))


def test_there_is_a_limit_and_what_was_used_least_lately_goes(web, targets, monkeypatch):
    web.files = {name: name.encode() * 1000 for name in "abc"}
    monkeypatch.setenv(settings.SIZE, "2.5 KB")
    for name in ("a", "b"):
        get(web, targets, name)
        time.sleep(0.01)
    get(web, targets, "a")  # used again
    time.sleep(0.01)
    get(web, targets, "c")
    web.given.clear()
    get(web, targets, "a"), get(web, targets, "c")
    assert web.given == []
    get(web, targets, "b")
    assert len(web.given) == 1


def test_what_a_running_step_has_a_link_to_stays(web, targets, tmp_path, monkeypatch):
    web.files = {"a": b"a" * 1000, "b": b"b" * 1000}
    monkeypatch.setenv(settings.SIZE, "1500")
    get(web, targets, "a")
    (kept,) = Path(DataCache().root, "files").rglob("*.*")
    os.link(kept, tmp_path / "of a step")
    get(web, targets, "b")  # there is no room, so it is not kept
    assert kept.exists()
    os.unlink(tmp_path / "of a step")
    get(web, targets, "b")
    assert not kept.exists()


def test_nothing_is_kept_when_that_is_wanted(web, targets, monkeypatch):
    monkeypatch.setenv(settings.SIZE, "0")
    web.files = {"a": b"1"}
    notes = []
    assert get(web, targets, "a", note=notes.append) == get(web, targets, "a") == web.files
    assert web.bytes_of("a") == 2
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("text", "bytes_"), [("0", 0), ("10", 10), ("2kb", 2000), ("2 KiB", 2048), ("1.5GB", 1_500_000_000), ("10%", 1000)]
)
def test_sizes(text, bytes_, monkeypatch):
    monkeypatch.setenv(settings.SIZE, text)
    assert settings.limit(settings.Disk(10_000, 10**12), 0) == bytes_


def test_some_of_the_disk_stays_free(monkeypatch):
    monkeypatch.setenv(settings.SIZE, "50%")
    assert settings.limit(settings.Disk(1000, 150), 100) == 150


@pytest.mark.parametrize("text", ["much", "-1", "10 potatoes", "1e3"])
def test_a_size_that_cannot_be_read_is_said(text, monkeypatch):
    monkeypatch.setenv(settings.SIZE, text)
    with pytest.raises(InvalidInput, match=settings.SIZE):
        settings.limit(settings.Disk(1, 1), 0)


def test_a_local_store_is_copied_from_and_nothing_is_kept(local_store, targets):
    local_store.write("a", b"1")
    target = next(targets)
    download(resolve_files({"paths": [{"datastore": "x", "path": ""}]}, lambda name: local_store), str(target))
    assert (target / "a").read_bytes() == b"1"
    assert not os.path.exists(DataCache().root)
