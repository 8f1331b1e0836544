"""The embedded Airflow's supervisor: ``python -m mlsteps.client.server``.

One process for each ``MLSTEPS_HOME``, in a session of its own. It prepares ``AIRFLOW_HOME``, forks the parts (REST API
and UI, execution API, scheduler), starts again what dies, and ends everything when no client is connected any more.
A client is a process that holds a connection to the control socket: the operating system closes it however the
process ends, so nothing is left behind by a script that was killed.

Requests and answers are JSON, one a line:

    {"do": "sync", "dag_id":, "root":}               ->  {"ok": true} when the DAG is in the database,
                                                         {"taken": true} when its id is another workspace's
    {"do": "trigger", "dag_id":, "run_id":, "conf":} ->  {"ok": true} when the run is queued
    {"do": "active", "dag_id":}                      ->  {"ok": true, "active": whether a run of it has not ended}
    {"do": "runs"}                                   ->  {"ok": true, "runs": [[dag_id, run_id], ...]} not ended yet
    {"do": "state"}                                  ->  {"ok": true, "faults": [...]}
    {"do": "leave"}                                  ->  {"stays": true} and the end of the connection; for the last
                                                         client its end alone, when every other process has ended

or {"error": why not}, or {"fatal": why} when the supervisor has given up.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from typing import Any, Callable

from mlsteps.client import airflow_parts, configuration, processes
from mlsteps.client.home import Home, airflow_home, read_json, write_private

#: Seconds the supervisor waits for its first client.
FIRST_CLIENT = 60.0
#: Seconds that steps get to end when the last client has gone; after that they are killed.
GRACE = 10.0
#: Seconds to write down what had to end unfinished.
SETTLE = 30.0
#: A part that dies is started again this often.
RESTARTS = 3


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""

    def answer(self, **message: object) -> None:
        """Send an answer; a client that has gone meanwhile is noticed where requests are read."""
        try:
            self.connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return

    def requests(self) -> list[dict[str, Any]] | None:
        """Requests that have arrived whole; None when the client has gone."""
        try:
            data = self.connection.recv(65536)
        except OSError:
            return None
        if not data:
            return None
        *lines, self.received = (self.received + data).split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]


class Supervisor:
    """Parts, clients, and the loop that serves both."""

    def __init__(self, home: Home, lock: int) -> None:
        self.home = home
        self.lock = lock
        self.clients: list[Client] = []
        self.leaving: list[Client] = []
        self.parts: dict[int, processes.Part] = {}
        self.starters: dict[str, Callable[[], None]] = {}
        self.restarts: dict[str, int] = {}
        self.faults: list[str] = []
        self.tasks: dict[int, tuple[Client, int]] = {}
        self.waiting: list[tuple[Client, dict[str, Any]]] = []
        self.prepared = False
        self.deadline = time.monotonic() + FIRST_CLIENT
        self.selector = selectors.DefaultSelector()

    # -- start

    def open(self) -> None:
        """Take ports and the control socket, write the configuration, tell clients where we are."""
        self.core, self.execution = _listen(), _listen()
        ports = self.core.getsockname()[1], self.execution.getsockname()[1]
        configuration.prepare(self.home, *ports)
        self.socket_path = self.home.socket_path()
        self.socket_path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket_path))
        self.listener.listen(64)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self._watch_children()
        description = {
            "pid": os.getpid(),
            "socket": str(self.socket_path),
            "url": f"http://127.0.0.1:{ports[0]}",
            "execution_url": f"http://127.0.0.1:{ports[1]}/execution/",
            "passwords": str(self.home.passwords),
        }
        write_private(self.home.description, json.dumps(description, indent=2))

    def _watch_children(self) -> None:
        self.woken, wake = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: self._stop())
        self.selector.register(self.woken, selectors.EVENT_READ)

    def start(self) -> None:
        """Start all parts, the slowest first; the scheduler follows when the database is ready."""
        processes.tie_descendants_to_parents()
        airflow_parts.load_airflow()
        self.warm, is_warm = os.pipe()
        self._start("execution", lambda: airflow_parts.serve_api("execution", self.execution, is_warm))
        # Only one attempt closes its end of the pipe, by its warmth or its death; its successor has none.
        self.starters["execution"] = lambda: airflow_parts.serve_api("execution", self.execution)
        os.close(is_warm)
        self.selector.register(self.warm, selectors.EVENT_READ)
        self._fork("prepare", lambda: airflow_parts.prepare_database(self.home))
        airflow_parts.load_scheduler()

    def _start_core(self) -> None:
        """The REST API and the UI: last, since the first step can start without them."""
        self.selector.unregister(self.warm)
        os.close(self.warm)
        self._start("core", lambda: airflow_parts.serve_api("core", self.core))

    def _start(self, name: str, work: Callable[[], None]) -> None:
        self.starters[name] = work
        self._fork(name, work)

    def _fork(self, name: str, work: Callable[[], None], keep: int = -1) -> processes.Part:
        own = [self.listener.fileno(), self.lock, self.woken, *(c.connection.fileno() for c in self.clients)]
        part = processes.Part(name, work, self.home.log(name), [fd for fd in own if fd != keep])
        self.parts[part.pid] = part
        return part

    # -- loop

    def run(self) -> None:
        """Serve until the last client has gone."""
        while self.clients or time.monotonic() < self.deadline:
            for key, _ in self.selector.select(1.0):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj == self.woken:
                    os.read(self.woken, 4096)
                elif key.fileobj == self.warm:
                    self._start_core()
                else:
                    self._serve(key.data)
            self._check_parts()

    def _stop(self) -> None:
        self.deadline = 0.0
        self.clients.clear()

    def _accept(self) -> None:
        self.deadline = 0.0
        client = Client(self.listener.accept()[0])
        self.clients.append(client)
        self.selector.register(client.connection, selectors.EVENT_READ, client)

    def _serve(self, client: Client) -> None:
        requests = client.requests()
        for request in requests or []:
            if request["do"] == "leave":
                self.leaving.append(client)
                requests = None
            elif request["do"] == "state":
                client.answer(ok=True, faults=self.faults)
            elif request["do"] == "runs" and not self.prepared:
                client.answer(ok=True, runs=[])  # nobody can have started any
            else:
                self._delegate(client, request)
        if requests is None:
            self._forget(client)

    def _forget(self, client: Client) -> None:
        self.selector.unregister(client.connection)
        self.clients.remove(client)
        # The last one to leave is let go when everything has ended: its connection is closed by our exit.
        if client in self.leaving and self.clients:
            client.answer(stays=True)
        if client not in self.leaving or self.clients:
            client.connection.close()

    def _delegate(self, client: Client, request: dict[str, Any]) -> None:
        """Have a request answered by a fork, which may use the database; once there is one."""
        if not self.prepared:
            self.waiting.append((client, request))
            return
        if request["do"] == "sync" and not self._owns(request["root"], request["dag_id"]):
            client.answer(taken=True)
            return
        read, write = os.pipe()
        part = self._fork(request["do"], lambda: _report(write, airflow_parts.answer(self.home, request)))
        os.close(write)
        self.tasks[part.pid] = (client, read)

    def _owns(self, root: str, dag_id: str) -> bool:
        """Whether a DAG belongs to a workspace; the first to ask gets it."""
        roots = airflow_parts.roots_of(self.home)
        if dag_id not in roots:
            write_private(self.home.pipelines, json.dumps({**roots, dag_id: root}, indent=1))
        return roots.get(dag_id, root) == root

    # -- parts that end

    def _check_parts(self) -> None:
        for pid, code in processes.reap():
            part = self.parts.pop(pid, None)
            if part is None:  # an orphan of a task
                continue
            part.exit_code = code
            if pid in self.tasks:
                self._answered(part)
            elif part.name == "prepare":
                self._prepared(code)
            elif part.name in self.starters:
                self._restart(part)

    def _answered(self, part: processes.Part) -> None:
        client, read = self.tasks.pop(part.pid)
        with os.fdopen(read, encoding="utf-8") as pipe:
            text = pipe.read()
        client.answer(**(json.loads(text) if text else {"error": f"Airflow refused it; see {part.log}"}))

    def _prepared(self, code: int) -> None:
        if code:
            self._give_up(f"Airflow's database could not be prepared; see {self.home.log('prepare')}.")
            return
        self.prepared = True
        self._start("scheduler", airflow_parts.schedule)
        waiting, self.waiting = self.waiting, []
        for client, request in waiting:
            if client in self.clients:
                self._delegate(client, request)

    def _restart(self, part: processes.Part) -> None:
        count = self.restarts[part.name] = self.restarts.get(part.name, 0) + 1
        how = f"Airflow's {part.name} ended with exit code {part.exit_code}"
        if count > RESTARTS:
            self._give_up(f"{how} for the {count}th time; see {part.log}.")
            return
        self.faults.append(f"{how}; started again. See {part.log}.")
        work = self.starters[part.name]
        self._fork(part.name, (lambda: _after_forgetting(work)) if part.name == "scheduler" else work)

    def _give_up(self, why: str) -> None:
        self.faults.append(why)
        for client in self.clients:
            client.answer(fatal=why)
        print(why, file=sys.stderr, flush=True)
        self._stop()

    # -- end

    def close(self) -> None:
        """End every process below us, then say in the database and the workspaces what had to end unfinished.

        Parts are killed: whatever they were doing must survive that anyway, and a scheduler that is asked to end
        would first wait for its tasks.
        """
        self.home.description.unlink(missing_ok=True)
        self.socket_path.unlink(missing_ok=True)
        if self.socket_path.parent != self.home.folder:
            self.socket_path.parent.rmdir()
        self.listener.close()
        self.starters.clear()
        for part in self.parts.values():
            part.kill()
        processes.end_all_children(GRACE)
        if self.prepared:
            processes.Part("settle", lambda: airflow_parts.settle(self.home), self.home.log("settle")).wait(SETTLE)


def _after_forgetting(work: Callable[[], None]) -> None:
    airflow_parts.forget_schedulers()
    work()


def _report(pipe: int, answer: dict[str, Any]) -> None:
    with os.fdopen(pipe, "w", encoding="utf-8") as file:
        json.dump(answer, file)


def _lock(home: Home) -> int | None:
    """The lock that makes us the only supervisor of this home; None when another one is there and serves."""
    descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            # The other one may be about to end: it withdraws its description first and its lock last.
            if read_json(home.description) is not None:
                return None
        time.sleep(0.05)


def _listen() -> socket.socket:
    """A listening socket on a free port: requests that come before the server is up simply wait."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def main() -> None:
    """Supervise until the last client has gone."""
    home = airflow_home()
    home.make()
    lock = _lock(home)
    if lock is None:
        return
    supervisor = Supervisor(home, lock)
    try:
        supervisor.open()
        supervisor.start()
        supervisor.run()
    finally:
        supervisor.close()
    # The last client waits for its connection to close: that must be the very end, not the start of the
    # interpreter's tidying up.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
