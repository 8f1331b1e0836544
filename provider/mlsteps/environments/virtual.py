"""``prepare``: the interpreter for an Environment document, made once per content and found again in milliseconds.

A virtual environment lies at ``$MLSTEPS_HOME/environments/<digest>/venv``, beside ``preimage.json`` (what the digest is
of, and which Python was taken), ``lock.txt`` (what was resolved) and ``complete``, written last. Virtual environments
cannot be moved, so each is made in its final place under a lock; one without its marker is wiped and made again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import sysconfig
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping, NamedTuple

from mlsteps.contracts.codec import digest_of
from mlsteps.environments import conda_solver, machine, python_versions, unused, uv_tool
from mlsteps.environments.conda_to_pip import PipPlan
from mlsteps.environments.pip_options import redact
from mlsteps.errors import RunConfigurationException
from mlsteps.registry.index_credentials import bare, missing, signed

#: Raise when an environment made by the release before must not be used any more.
FORMAT = 1

Report = Callable[[str], None]


class Interpreter(NamedTuple):
    """``path`` of a Python; ``digest`` of the environment and its ``lock`` (pip requirements), "" when user-managed."""

    path: str
    digest: str
    lock: str


def prepare(document: Mapping[str, Any] | None, report: Report) -> Interpreter:
    """The interpreter in which a step with this environment runs.

    :param document: ``{"name", "python": {"user_managed_dependencies", "interpreter_path", "conda"}, ...}``; None and
        ``{}`` give a virtual environment without packages.
    :param report: called with one line for each thing a person should know; never with a credential.
    :raises InvalidInput: for a package that cannot be had, naming it.
    :raises RunConfigurationException: when the environment cannot be made; the last lines of the installer say why.
    """
    section = (document or {}).get("python") or {}
    if section.get("user_managed_dependencies"):
        return Interpreter(user_managed(str(section.get("interpreter_path") or "python")), "", "")
    plan = conda_solver.plan(section.get("conda"))
    preimage = _preimage(plan)
    folder = _folder(preimage)
    found = _finished(folder, report)
    if found is None:
        for note in plan.notes:
            report(note)
        found = _make_once(folder, plan, preimage, report)
    unused.mark(folder)
    return found


def folder_of(document: Mapping[str, Any] | None) -> str:
    """Where the environment of a document is or would be.

    :raises InvalidInput: for a package that cannot be had.
    """
    section = (document or {}).get("python") or {}
    return _folder(_preimage(conda_solver.plan(section.get("conda"))))


def _folder(preimage: Mapping[str, Any]) -> str:
    return os.path.join(home(), "environments", digest_of(preimage)[:32])


def is_whole(folder: str) -> bool:
    """Whether an environment is in its folder, and its base Python still is where it was."""
    return os.path.exists(os.path.join(folder, "complete")) and os.path.exists(_python_of(folder))


def home() -> str:
    """``MLSTEPS_HOME``: what is local to this machine."""
    return os.path.abspath(os.path.expanduser(os.environ.get("MLSTEPS_HOME") or "~/.mlsteps"))


def user_managed(path: str) -> str:
    """The interpreter of an environment that installs nothing: ``python`` is the one that runs mlsteps.

    :raises RunConfigurationException: when there is no such program.
    """
    if path == "python":
        return sys.executable
    expanded = os.path.expanduser(path)
    found = shutil.which(expanded)
    if found is None:
        raise RunConfigurationException(
            f"The environment's interpreter_path {path!r} is no program on this machine. Expected an absolute path, a "
            "name on PATH, or 'python' for the interpreter that runs mlsteps."
        )
    return os.path.abspath(found)


def _preimage(plan: PipPlan) -> dict[str, Any]:
    solved = {"conda": sorted(plan.conda), "channels": [bare(item) for item in plan.channels]} if plan.conda else {}
    return {
        **solved,
        "format": FORMAT,
        "python": plan.python or "=={}.{}.*".format(*python_versions.running().version),
        "requirements": sorted(map(bare, plan.requirements)),
        "options": [bare(option) for option in (*plan.lines, *plan.flags)],
        "platform": sysconfig.get_platform(),
        **(machine.settings() if plan.requirements else {}),
    }


def _python_of(folder: str) -> str:
    return os.path.join(folder, "venv", "bin", "python")


def _finished(folder: str, report: Report) -> Interpreter | None:
    """The environment in this folder when it is whole: its marker is there and its base Python still is."""
    path = _python_of(folder)
    if not is_whole(folder):
        return None
    with open(os.path.join(folder, "preimage.json"), encoding="utf-8") as file:
        note = json.load(file).get("note", "")
    if note:
        _substituted(note, report)
    with open(os.path.join(folder, "lock.txt"), encoding="utf-8") as file:
        return Interpreter(path, os.path.basename(folder), file.read())


def _substituted(note: str, report: Report) -> None:
    if python_versions.strict():
        raise RunConfigurationException(f"{note}, which MLSTEPS_STRICT_PYTHON forbids.")
    report(note)


def _make_once(folder: str, plan: PipPlan, preimage: Mapping[str, Any], report: Report) -> Interpreter:
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with _locked(folder + ".lock", report) as lock:
        return _finished(folder, report) or _Builder(folder, plan, lock).make(preimage, report)


@contextmanager
def _locked(path: str, report: Report) -> Iterator[int]:
    """Hold a lock on a file. The kernel frees it when the last process that has it open is gone, however it went."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another process that makes {os.path.basename(path)[: -len('.lock')]}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


class _Builder:
    """Makes one environment while its lock is held; ``uv`` holds the lock too (see :func:`uv_tool.run`)."""

    def __init__(self, folder: str, plan: PipPlan, lock: int) -> None:
        self.folder = folder
        self.plan = plan
        self.lock = lock

    def make(self, preimage: Mapping[str, Any], report: Report) -> Interpreter:
        """Make it; nothing is left when that fails."""
        started = time.monotonic()
        name = os.path.basename(self.folder)
        choice = None if self.plan.conda else python_versions.choose(self.plan.python, report)
        if choice is not None and choice.note:
            report(choice.note)
        python = f"Python {choice.python.text}" if choice is not None else f"conda's {', '.join(self.plan.conda)}"
        report(f"making environment {name}: {python}, {_summary(self.plan)}")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        try:
            resolved = self._install(choice.python.path if choice is not None else None)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        used = {"used": choice.python.text, "note": choice.note} if choice is not None else {"used": "conda"}
        about = {**used, "notes": self.plan.notes, "created": time.time()}
        _write(os.path.join(self.folder, "preimage.json"), json.dumps({**preimage, **about}, indent=1))
        _write(os.path.join(self.folder, "lock.txt"), resolved)
        _write(os.path.join(self.folder, "complete"), "")
        report(f"environment ready after {time.monotonic() - started:.1f} s: {len(resolved.splitlines())} packages")
        return Interpreter(_python_of(self.folder), name, resolved)

    def _install(self, base: str | None) -> str:
        """Make the environment, with this Python or conda's, and fill it; the resolved lock.

        Requirements go through standard input, as their URLs may hold tokens.
        """
        prefix = os.path.join(self.folder, "venv")
        locked = ""
        if base is None:
            locked = conda_solver.install(self.plan, prefix)
        else:
            self._call(["venv", "--no-project", "--python", base, prefix])
        if not self.plan.requirements:
            return locked
        python = _python_of(self.folder)
        # pip takes the best version of all indexes; uv by itself would stop at the first index that has the name.
        flags = ["--index-strategy", "unsafe-best-match", *self.plan.flags]
        # The first step that imports a module compiles it: all of them would take longer than the download. Where
        # steps are told not to, nobody ever would.
        flags += ["--compile-bytecode"] if os.environ.get("PYTHONDONTWRITEBYTECODE") else []
        text = signed("\n".join([*self.plan.lines, *self.plan.requirements, ""]))
        self._call(["pip", "install", "--python", python, *flags, "--requirements", "-"], text)
        return locked + self._call(["pip", "freeze", "--python", python])

    def _call(self, arguments: list[str], text: str = "") -> str:
        answer = uv_tool.run(arguments, text=text, folder=self.folder, timeout=None, lock=self.lock)
        if answer.code == 0:
            return answer.output
        tail = "\n".join((answer.output + answer.errors).splitlines()[-25:])
        plan = self.plan
        hint = f" Looked up under their conda names: {', '.join(plan.unchanged)}." if plan.unchanged else ""
        raise RunConfigurationException(
            f"The environment could not be made (Python {plan.python or 'any'}: {_summary(plan)}).{hint} "
            f"uv {arguments[0]} said:\n{tail}{missing((*plan.lines, *plan.requirements))}"
        )


def _summary(plan: PipPlan) -> str:
    return ", ".join(redact(item) for item in plan.requirements) or "no packages"


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
