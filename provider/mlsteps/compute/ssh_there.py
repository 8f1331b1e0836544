"""What is done on a machine that is reached by SSH, beside what its keeper (:mod:`.keeper`) is asked.

Only the texts of the two go there: Python 3.7, the standard library. A step has a folder of its own, ``keeper.ROOT``,
with what a container has at ``/mlsteps``, what was carried below ``files``, its output in a file, and a lock: the
kernel frees it when the keeper has ended, however that came about, and whatever process has its number since.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

from mlsteps.compute import keeper

ABOUT = keeper.ROOT + "/about.json"
OUTPUT = keeper.ROOT + "/output"
LOCK = keeper.ROOT + "/lock"


def main(what: str, *words: Any) -> None:
    """Do one thing."""
    {item.__name__: item for item in (hello, begin, talk, is_there, follow, find, end, environment)}[what](*words)


def hello() -> None:
    """What this machine is."""
    libc = platform.libc_ver()[0]
    uv = shutil.which("uv") or next(filter(os.path.isfile, [os.path.expanduser("~/.local/bin/uv")]), "")
    found = {"path": sys.executable, "version": list(sys.version_info[:3]), "machine": platform.machine()}
    say(dict(found, libc=libc, home=os.path.expanduser("~"), uv=uv))


def say(document: Any) -> None:
    """The one answer of a call."""
    print(json.dumps(document), flush=True)


# -- a step's process


def begin(about: dict[str, Any], kept: float) -> None:
    """Make the step's folder and start its keeper, which goes on without us; then answer questions.

    :param about: what the step is found by; :param kept: seconds that it waits to be collected.
    """
    runs = os.path.dirname(keeper.ROOT)
    os.makedirs(runs, mode=0o700, exist_ok=True)
    sweep(runs, kept)
    os.mkdir(keeper.ROOT, 0o700)
    keeper.write_json(ABOUT, about)
    if os.fork() == 0:
        keep(kept)
    while not os.path.exists(keeper.STATE):
        time.sleep(0.01)
    keeper.talk()


def keep(kept: float) -> None:
    """Be the keeper, in a session of its own."""
    os.setsid()
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    code = 1
    try:
        code = keeper.Keeper(kept, kept).run("")
    finally:
        os._exit(code)


def talk() -> None:
    """Answer questions about a step that was begun."""
    if not os.path.exists(keeper.STATE):
        raise SystemExit("there is no such step any more")
    keeper.talk()


def is_there() -> None:
    """Whether the step's keeper is."""
    say(lives(keeper.ROOT))


def lives(root: str) -> bool:
    """Whether a step's keeper is there."""
    try:
        descriptor = os.open(root + "/lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def follow(offset: int) -> None:
    """The step's output from a byte of it on, until its end, or until nobody listens."""
    held = b""
    with open(OUTPUT, "rb") as file:
        file.seek(offset)
        while not held.endswith(keeper.MARK):
            is_there = lives(keeper.ROOT)
            data = file.read(1 << 16)
            held += data
            if not data and not is_there:
                break
            if not data and select.select([0], [], [], keeper.PAUSE)[0] and not os.read(0, 1):
                return
            held = passed_on(held)
    if held.endswith(keeper.MARK):
        held = held[: -len(keeper.MARK)]
    os.write(1, held)


def passed_on(data: bytes) -> bytes:
    """Write all but what may be the mark, and answer that."""
    if data.endswith(keeper.MARK):
        return data
    keep = next((count for count in range(len(keeper.MARK) - 1, 0, -1) if data.endswith(keeper.MARK[:count])), 0)
    view = memoryview(data)[: len(data) - keep]
    while len(view):
        view = view[os.write(1, view) :]
    return data[len(data) - keep :]


# -- steps that were left behind


def find(runs: str, task: str) -> None:
    """The steps of a task, the youngest first: where they are, what they run, how they are, and their spec."""
    found = []
    for name in os.listdir(runs) if os.path.isdir(runs) else ():
        root = os.path.join(runs, name)
        about = keeper.read_json(root + "/about.json") or {}
        if about.get("task") == task:
            is_there = lives(root)
            state = keeper.read_json(root + "/state.json") or {}
            answer = keeper.read_json(root + "/answer/result.json") or {}
            step = {"root": root, "lives": is_there, "started": os.path.exists(root + "/go")}
            step.update(content=about.get("content"), spec=about.get("spec"), ended="code" in state)
            found.append(dict(step, status=answer.get("status"), time=os.stat(root).st_mtime))
    say(sorted(found, key=lambda item: item["time"], reverse=True))


def sweep(runs: str, kept: float) -> None:
    """Remove what nobody has come for."""
    for name in os.listdir(runs):
        root = os.path.join(runs, name)
        try:
            is_old = time.time() - os.stat(root).st_mtime > max(kept, 86400.0)
        except OSError:
            continue
        if is_old and not lives(root):
            remove(root)


def end() -> None:
    """End whatever there is of the step, and remove its folder."""
    remove(keeper.ROOT)
    say({})


def remove(root: str) -> None:
    """The same for any."""
    if lives(root):
        state = keeper.read_json(root + "/state.json")
        if state:
            try:
                os.killpg(int(state["pid"]), signal.SIGKILL)  # the lock says that it is ours
            except ProcessLookupError:
                pass
    for _ in range(50):
        found = processes(root)
        for process in found:
            try:
                os.kill(process, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass  # gone meanwhile
        if not found:
            break
        time.sleep(0.02)
    detach(root)
    shutil.rmtree(root, ignore_errors=True)


def processes(root: str) -> list[int]:
    """Those that were started for a step, by a variable they all inherit."""
    marks = (f"MLSTEPS_HOME={root}/home".encode(), f"MLSTEPS_RUN={root}/".encode())
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    variables = file.read().split(b"\0")
            except OSError:
                continue  # gone, or another user's
            if marks[0] in variables or any(item.startswith(marks[1]) for item in variables):
                found.append(int(name))
    return found


def detach(root: str) -> None:
    """What is mounted below must not be taken for ours to remove."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            points = [line.split(" ")[1].replace("\\040", " ") for line in file]
    except OSError:
        return
    program = shutil.which("fusermount3") or shutil.which("fusermount")
    for point in points:
        if program and point.startswith(root + "/"):
            subprocess.call([program, "-u", "-z", point])


# -- environments


def environment(told: dict[str, Any]) -> None:
    """A virtual environment, made once; its Python, or what ``uv`` said last.

    :param told: ``folder``, ``uv``, ``python`` (a version or path), ``flags`` of the installation and ``lines`` of its
        requirements, which may hold passwords: they go through standard input.
    """
    folder, uv = told["folder"], told["uv"]
    python = os.path.join(folder, "venv", "bin", "python")
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        errors = ""
        if not os.path.exists(folder + "/complete"):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            calls = [(["venv", "--no-project", "--python", told["python"], folder + "/venv"], "")]
            if told["lines"]:
                arguments = ["pip", "install", "--python", python, *told["flags"], "--requirements", "-"]
                calls.append((arguments, "\n".join([*told["lines"], ""])))
            for arguments, text in calls:
                command = [uv, "--no-progress", "--color", "never", *arguments]
                made = subprocess.run(
                    command, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
                )
                if made.returncode:
                    errors = made.stdout.decode("utf-8", "replace")
                    break
            else:
                open(folder + "/complete", "w").close()
    say({"python": python, "errors": errors})
