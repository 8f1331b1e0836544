"""The first process of a step's pod, and what is asked of it: waits for files, keeps the runner, waits to be asked.

Only its text goes into a pod, where nothing of mlsteps is yet: Python 3.7, the standard library, one file. Whoever runs
the step executes it once more beside the first process (``talk``), by the API's ``exec``, and asks on standard input:

    hello    which Python this is                 put      files, from an archive that follows
    start    the runner, credentials follow       look     how it is, and the text of files
    changed  what lies below folders              get      archives of paths
    stop     the script shall end                 tell     a document, for a file that is whole or absent

Messages go both ways in pieces, each after its length in four bytes; one of no length is a message's end.
"""

from __future__ import annotations

import io
import json
import os
import platform
import signal
import subprocess
import sys
import tarfile
import time
from types import FrameType
from typing import Any, Callable, Optional

#: Where it all lies for whoever asks; a machine that is nobody's own has it elsewhere, see :func:`there`.
NAMED = "/mlsteps"
ROOT = os.environ.pop("MLSTEPS_KEEPER_ROOT", NAMED)
TEXT = ROOT + "/keeper.py"
#: Brings the credentials, and stays open.
INPUT = ROOT + "/input"
#: Starts the runner.
COMMAND = ROOT + "/command.json"
GO = ROOT + "/go"
#: ``{"pid":, "code":, "out_of_memory":}``
STATE = ROOT + "/state.json"
#: What :func:`stop` sends: unlike a signal of the kubelet's it leaves an answer that is still to be taken.
STOP = signal.SIGUSR1
#: The last thing that is said: no more output comes after it.
MARK = b"\x1emlsteps: the step has ended\x1e\n"
END = b"\0\0\0\0"
#: Seconds between two looks at what may have happened.
PAUSE = 0.05


def main(arguments: list[str]) -> int:
    """Do what the arguments after the first say; the first one is ``-c`` where this very text comes next."""
    text = arguments.pop(1) if arguments[0] == "-c" else ""
    what, rest = arguments[1], arguments[2:]
    if what == "keep":  # seconds to wait, to be kept, and to be kept after a bad end
        return Keeper(*map(float, rest)).run(text)
    talk()
    return 0


# -- the first process


class Keeper:
    """Starts the runner when it is told to, and stays until its answer has been taken.

    :param wait: seconds in which it has to be told; :param kept: seconds in which the answer has to be taken.
    :param bad: the same for an answer that is no good one.
    """

    def __init__(self, wait: float, kept: float, bad: Optional[float] = None) -> None:
        self.wait, self.kept, self.bad = wait, kept, kept if bad is None else bad
        self.asked_to_end = False
        self.runner: subprocess.Popen[bytes] | None = None
        self.has_ended = False

    def run(self, text: str) -> int:
        """The exit code of the container."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, STOP):
            signal.signal(number, self.end)
        os.mkfifo(INPUT, 0o600)
        stream = os.open(INPUT, os.O_RDWR)  # for reading and writing: it never comes to its end
        write_json(STATE, {"pid": os.getpid()})
        write(TEXT, text)  # last: who finds it may ask
        if not self.until(lambda: os.path.exists(GO), self.wait):
            return 75
        code = self.keep(stream)
        self.until(lambda: False, self.kept if code == 0 else self.bad)
        return 0 if code == 0 else 1

    def end(self, number: int, frame: FrameType | None) -> None:
        """The pod is being deleted, or the step is stopped: the runner ends its script, and says what came of it."""
        self.asked_to_end = not (self.has_ended and number == STOP)  # then its answer is still to be taken
        if self.runner is not None and self.runner.returncode is None:
            self.runner.send_signal(signal.SIGTERM)

    def until(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Wait; False when the time is over, or when it shall end."""
        end = time.monotonic() + seconds
        while not happened():
            if self.asked_to_end or time.monotonic() > end:
                return False
            self.reap()
            time.sleep(PAUSE)
        return True

    def keep(self, stream: int) -> int:
        """Start the runner and see it through; its exit code."""
        before = killed_for_memory()
        self.runner = subprocess.Popen(read_json(COMMAND), stdin=stream, stderr=subprocess.STDOUT)
        if self.asked_to_end:  # meanwhile
            self.runner.send_signal(signal.SIGTERM)
        while self.runner.poll() is None:
            self.reap()
            time.sleep(PAUSE / 2)
        code = self.runner.returncode
        self.has_ended, self.runner, self.asked_to_end = True, None, False
        write_json(STATE, {"pid": os.getpid(), "code": code, "out_of_memory": killed_for_memory() > before})
        os.write(1, MARK)
        return code

    def reap(self) -> None:
        """What lost its parent is a child of the first process; nobody else takes note of its end."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if found is None or (self.runner is not None and found.si_pid == self.runner.pid):
                    return
                os.waitpid(found.si_pid, 0)
            except ChildProcessError:
                return


def killed_for_memory() -> int:
    """How often the kernel has ended a process of this container that wanted too much memory."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            with open(path) as file:
                words = file.read().split()
            return int(words[words.index("oom_kill") + 1])
        except (OSError, ValueError, IndexError):
            continue
    return 0


# -- what is asked of it


def talk() -> None:
    """Answer questions until there is no more."""
    os.umask(0o022)
    known = {item.__name__: item for item in (hello, put, start, look, changed, get, stop, tell)}
    while True:
        text = message()
        if not text:
            return
        what, *rest = load(text)
        known[what](*rest)
        sys.stdout.buffer.flush()


def hello() -> None:
    """Path, version and platform of the Python that runs here."""
    libc = platform.libc_ver()[0]
    say({"path": sys.executable, "version": list(sys.version_info[:3]), "machine": platform.machine(), "libc": libc})


def put() -> None:
    """Unpack an archive at ``/``."""
    pieces = Pieces()
    with tarfile.open(fileobj=io.BufferedReader(pieces), mode="r|") as archive:
        for entry in archive:
            path = there("/" + entry.name)
            if entry.isdir():
                os.makedirs(path, exist_ok=True)
            elif entry.isreg():
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as target:
                    copy(archive.extractfile(entry), target)
                os.chmod(path, entry.mode)
                os.utime(path, (entry.mtime, entry.mtime))
    while not pieces.ended:
        pieces.read(1 << 18)
    say({})


def start() -> None:
    """Let the runner begin. It begins once, whoever asks."""
    line = message()
    write(GO, "")
    stream = os.open(INPUT, os.O_RDWR)  # the first process has it open, too: what is written stays there
    os.write(stream, line)
    os.close(stream)
    say({})


def look(paths: list[str]) -> None:
    """``{"pid":, "started":, "code":?, "answer":, "files": {path: text}}``."""
    found = dict(read_json(STATE) or {}, started=os.path.exists(GO))
    files = {path: read_json(there(path)) for path in paths}
    say(dict(found, answer=read_json(ROOT + "/answer/result.json"), files=files))


def changed(roots: list[str]) -> None:
    """``{path: [size, whole seconds of its time]}`` of what is below folders; a folder has the size -1."""
    found: dict[str, list[int]] = {}
    for root in roots:
        for parent, folders, names in os.walk(there(root)):
            shown = os.path.normpath(os.path.join(root, os.path.relpath(parent, there(root))))
            found.update((os.path.join(shown, name), [-1, 0]) for name in folders)
            for name in names:
                status = os.lstat(os.path.join(parent, name))
                found[os.path.join(shown, name)] = [status.st_size, int(status.st_mtime)]
    say(found)


def get(paths: list[str]) -> None:
    """An archive of each path, each a message."""
    for path in paths:
        out = io.BufferedWriter(Out(), 1 << 18)
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            if os.path.lexists(there(path)):
                archive.add(there(path), arcname=os.path.basename(path), filter=plain)
        out.flush()
        sys.stdout.buffer.write(END)


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files and folders; what else there is stays here."""
    return entry if entry.isreg() or entry.isdir() else None


def stop() -> None:
    """Pass on that the step shall end."""
    os.kill(int((read_json(STATE) or {})["pid"]), STOP)
    say({})


def tell(path: str, document: Any) -> None:
    """Write it down for the runner."""
    write_json(there(path), document)
    say({})


def there(path: str) -> str:
    """Where what is asked for as ``path`` lies: itself, but where not even ``/mlsteps`` can be made."""
    if ROOT == NAMED:
        return path
    return ROOT + (path[len(NAMED) :] if path.startswith(NAMED + "/") else "/files" + path)


# -- messages


def message() -> bytes:
    """The next message; nothing when there is no more."""
    return b"".join(iter(piece, b""))


def piece() -> bytes:
    """The next piece of standard input; nothing at the end of a message, and of it all."""
    count = sys.stdin.buffer.read(4)
    if not count:
        return b""
    data = sys.stdin.buffer.read(int.from_bytes(count, "big"))
    if len(data) < int.from_bytes(count, "big"):
        raise SystemExit("whoever asks has gone")
    return data


class Pieces(io.RawIOBase):
    """The next message as a file."""

    rest, ended = b"", False

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As of any raw file."""
        if not self.rest and not self.ended:
            self.rest = piece()
            self.ended = not self.rest
        count = min(len(buffer), len(self.rest))
        buffer[:count], self.rest = self.rest[:count], self.rest[count:]
        return count


class Out(io.RawIOBase):
    """A message as a file that is written in pieces."""

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """As of any raw file."""
        if len(data):
            sys.stdout.buffer.write(len(data).to_bytes(4, "big"))
            sys.stdout.buffer.write(data)
        return len(data)


def copy(source: Any, target: Any) -> None:
    """All of it."""
    while True:
        data = source.read(1 << 20)
        if not data:
            return
        target.write(data)


def say(document: Any) -> None:
    """A document as a message."""
    Out().write(json.dumps(document).encode("utf-8", "surrogatepass"))
    sys.stdout.buffer.write(END)


def load(data: bytes) -> Any:
    """A document from its text."""
    return json.loads(data.decode("utf-8", "surrogatepass"))


def read_json(path: str) -> Any:
    """The document; None when there is none."""
    try:
        with open(path, "rb") as file:
            return load(file.read())
    except FileNotFoundError:
        return None


def write_json(path: str, document: Any) -> None:
    """A document that is whole or absent."""
    write(path, json.dumps(document))


def write(path: str, text: str) -> None:
    """A file that is whole or absent."""
    temporary = path + ".tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
