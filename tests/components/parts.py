"""An Airflow whose parts are apart: processes that share servers and nothing on disk.

Each part has a home of its own (``AIRFLOW_HOME``, ``MLSTEPS_HOME``, temporary files), and sees the others' homes as
empty folders, when the tests are root's: it has mounts of its own. That is what separate machines would be.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from mlsteps.client.airflow_api import Address, AirflowApi
from mlsteps.errors import AzureMLException

USER, PASSWORD = "admin", "a-password-of-the-tests"
STORE = "mlsteps_store"
#: Covers the folders that are named first (their number is the first argument), then becomes the command.
_APART = 'n=$1; shift; while [ $n -gt 0 ]; do mount -t tmpfs none "$1" || exit 9; shift; n=$((n-1)); done; exec "$@"'


#: Whether parts cannot see each other's homes.
ARE_APART = sys.platform == "linux" and os.geteuid() == 0 and shutil.which("unshare") is not None


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 240.0, pause: float = 0.2) -> Any:
    """The first true answer of ``condition``."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(pause)
    return answer


class Part:
    """One part: a command, run in a home of its own.

    :param others: folders that it must not see.
    """

    def __init__(self, name: str, folder: Path, others: Sequence[Path], environment: Mapping[str, str]) -> None:
        self.name = name
        self.home = folder / name
        self.log = folder / f"{name}.log"
        self.others = others
        (self.home / "tmp").mkdir(parents=True)
        own = {"HOME": "", "AIRFLOW_HOME": "airflow", "MLSTEPS_HOME": "mlsteps", "TMPDIR": "tmp"}
        self.environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            **{key: str(self.home / place) for key, place in own.items()},
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *command: str) -> Part:
        """Start it; without a command, as it was started before."""
        self.command = command or self.command
        with open(self.log, "ab") as log:
            self.process = self.popen(*self.command, stdout=log, stderr=log)
        return self

    def popen(self, *command: str, **more: Any) -> subprocess.Popen[Any]:
        """A process of this part."""
        others = list(map(str, self.others)) if ARE_APART else []
        apart = ["unshare", "--mount", "sh", "-c", _APART, "sh", str(len(others)), *others] if others else []
        return subprocess.Popen(
            [*apart, *command],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **more,
        )

    def kill(self) -> None:
        """What a machine does that loses its power: all of it ends, nothing can say so."""
        if self.process is None:
            return
        try:
            family = [psutil.Process(self.process.pid)]
            family += family[0].children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        for one in family:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        psutil.wait_procs(family, timeout=10)
        self.process = None

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    @property
    def is_running(self) -> bool:
        """Whether its first process is alive."""
        return self.process is not None and self.process.poll() is None

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


class Apart:
    """API server, scheduler, DAG processor, triggerer and two workers (Celery), and a client.

    :param root: of the workspace, opened by the connection :data:`STORE`; :param store: that connection.
    """

    #: Where the API server listens.
    host = "127.0.0.1"
    #: The workers, each with a queue of its own.
    workers = "ab"

    def __init__(self, folder: Path, database: str, broker: str, root: str, store: Mapping[str, Any]) -> None:
        self.folder = folder
        self.root = root
        self.store = dict(store)
        self.notes = folder / "notes"
        self.notes.mkdir()
        (self.notes / "executions").touch()
        self.port = _free_port()
        self.url = f"http://{self.host}:{self.port}"
        self.queue = f"q{uuid.uuid4().hex[:8]}"
        settings = {f"AIRFLOW__{key}": str(value) for key, value in self._settings(database, broker).items()}
        names = ("api", "scheduler", "processor", "triggerer", "worker_a", "worker_b", "client")
        homes = {name: folder / name for name in names}
        parts = {
            name: Part(name, folder, [home for one, home in homes.items() if one != name], settings) for name in names
        }
        self.client = parts.pop("client")
        self.client.environment = {**self.client.environment, **self._client_environment()}
        for name in settings:
            del self.client.environment[name]
        self.parts = parts
        self.api = AirflowApi(Address(self.url, USER, PASSWORD))

    def start(self) -> None:
        """Start all parts; returns when each of them has said that it is well."""
        self._write_passwords()
        migrated = self.parts["scheduler"].popen("airflow", "db", "migrate", stdout=subprocess.PIPE, stderr=-2)
        said, _ = migrated.communicate(timeout=180)
        assert migrated.returncode == 0, said[-3000:]
        parts = self.parts
        parts["api"].start("airflow", "api-server", "--workers", "1", "--host", self.host, "--port", str(self.port))
        parts["scheduler"].start("airflow", "scheduler")
        for letter in self.workers:
            self.start_worker(letter)
        self.wait_until_well("metadatabase")
        # The connection that opens the workspace is in Airflow alone.
        self.api.put_connection(STORE, {**self.store, "extra": json.dumps(self.store["extra"])})
        parts["processor"].start("airflow", "dag-processor")
        parts["triggerer"].start("airflow", "triggerer", "--skip-serve-logs")
        self.wait_until_well("metadatabase", "scheduler", "dag_processor", "triggerer")

    def start_worker(self, letter: str) -> None:
        """One of the two workers: it takes the tasks of all, and those of its own queue."""
        self.parts[f"worker_{letter}"].start(
            *("airflow", "celery", "worker", "--skip-serve-logs", "--without-mingle", "--without-gossip"),
            *("--concurrency", "2", "--celery-hostname", f"{letter}@{self.queue}"),
            *("--queues", f"{self.queue},{self.queue}_{letter}"),
        )

    def wait_until_well(self, *names: str, seconds: float = 150.0) -> None:
        """Wait for components of Airflow's own account of its health."""
        wait_for(lambda: self._is_well(names), f"{names} healthy", seconds, 0.5)

    def _is_well(self, names: tuple[str, ...]) -> bool:
        for part in self.parts.values():
            assert part.process is None or part.is_running, f"{part.name} has ended:\n{part.tail()}"
        try:
            health = self.api.healthy()
        except (httpx.HTTPError, AzureMLException):
            return False
        return all(health.get(name) == "healthy" for name in names)

    def run(self, code: str, *arguments: str, seconds: float = 150.0) -> str:
        """What a script of the client prints; it is a process of its own."""
        process = self.submit(code, *arguments)
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            raise AssertionError(f"not within {seconds:g} s:\n{said[-3000:]}") from None
        assert process.returncode == 0, said[-3000:]
        return str(said)

    def submit(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a script of the client."""
        command = (sys.executable, "-c", PRELUDE + code, *arguments)
        return self.client.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def executions(self, tag: str) -> list[tuple[str, int]]:
        """``(script, part)`` of each time that a script began with this tag, and where."""
        lines = [line.split() for line in (self.notes / "executions").read_text().splitlines()]
        return [(script, Path(place).relative_to(self.folder).parts[0]) for told, script, place in lines if told == tag]

    def hold(self, tag: str) -> Path:
        """The script ``make`` stays where it is while this file is there."""
        file = self.notes / f"hold-{tag}"
        file.touch()
        return file

    def stop(self) -> None:
        """End all of it."""
        self.api.close()
        for part in [*self.parts.values(), self.client]:
            part.kill()

    def _settings(self, database: str, broker: str) -> dict[str, object]:
        bundle = {"root": self.root, "refresh_interval": 300}
        bundles = [{"name": "team", "classpath": "mlsteps.bundles.MlstepsDagBundle", "kwargs": bundle}]
        return {
            "CORE__EXECUTOR": "CeleryExecutor",
            "CORE__LOAD_EXAMPLES": False,
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": self.folder / "api" / "passwords.json",
            "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 0,
            "DATABASE__SQL_ALCHEMY_CONN": database,
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": secrets.token_hex(16),
            "API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "CELERY__BROKER_URL": broker,
            "CELERY__RESULT_BACKEND": f"db+{database}",
            "OPERATORS__DEFAULT_QUEUE": self.queue,
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "WORKERS__MAX_FAILED_HEARTBEATS": 18,  # times 5 s without an API server; less than the next
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 100,
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 4,
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.2,
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": 10,
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": 15,
            "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": 15,
            "USAGE_DATA_COLLECTION__ENABLED": False,
            "MLSTEPS__RETRY_SECONDS": 20,
            "MLSTEPS__WATCH_SECONDS": 2,
        }

    def _client_environment(self) -> dict[str, str]:
        return {
            "MLSTEPS_AIRFLOW_USER": USER,
            "MLSTEPS_AIRFLOW_PASSWORD": PASSWORD,
            f"AIRFLOW_CONN_{STORE.upper()}": json.dumps(self.store),
            "NOTES": str(self.notes),
        }

    def _write_passwords(self) -> None:
        api, client = self.parts["api"], self.client
        config = {"subscription_id": "s", "resource_group": "g", "workspace_name": "team"}
        files = (
            (api, "passwords.json", {USER: PASSWORD}),
            (client, "config.json", {**config, "root": self.root, "airflow_url": self.url}),
        )
        for part, name, content in files:
            (part.home / name).write_text(json.dumps(content))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def new_database(url: str) -> tuple[str, Callable[[], None]]:
    """A database of the test's own on a PostgreSQL: its address for Airflow, and what drops it."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    parts = urlsplit(url)
    plain = parts._replace(scheme="postgresql")

    def execute(statement: str) -> None:
        with psycopg.connect(plain.geturl(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    execute(f'create database "{name}"')
    made = plain._replace(scheme="postgresql+psycopg2", path=f"/{name}")
    return made.geturl(), lambda: execute(f'drop database "{name}" with (force)')


#: What each script of the client begins with: the pipeline, in the words of the SDK.
PRELUDE = """
import os, sys
import mlsteps.azureml
from azureml.core import Dataset, Experiment, RunConfiguration, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.data.datapath import DataPath, DataPathComputeBinding
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter, PipelineRun, PublishedPipeline
from azureml.pipeline.core.schedule import Schedule, ScheduleRecurrence
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config()
NOTES = os.environ["NOTES"]

def write(name, text):
    os.makedirs(name, exist_ok=True)
    with open(os.path.join(name, name + ".py"), "w") as stream:
        stream.write(text)

BEGIN = '''
import os, sys, time
notes, tag = sys.argv[1:3]
with open(os.path.join(notes, "executions"), "a") as stream:
    print(tag, os.path.basename(sys.argv[0])[:-3], os.getcwd(), file=stream)
print("begun", tag, flush=True)
'''

def pipeline(default="none"):
    write("make", BEGIN + '''
while os.path.exists(os.path.join(notes, "hold-" + tag)):
    time.sleep(0.1)
os.makedirs(sys.argv[3])
with open(os.path.join(sys.argv[3], "data"), "w") as stream:
    stream.write(tag)
''')
    write("use", BEGIN + '''
with open(os.path.join(sys.argv[3], "data")) as stream:
    data = stream.read()
with open(os.path.join(sys.argv[4], "copy"), "w") as stream:
    stream.write(data)
print("used", data, flush=True)
''')
    config = RunConfiguration()
    config.environment.python.user_managed_dependencies = True
    tag = PipelineParameter("tag", default)
    data = PipelineData("data")
    copy = OutputFileDatasetConfig("copy").register_on_complete("copy")
    def step(name, target, arguments, **more):
        return PythonScriptStep(name + ".py", name=name, arguments=[NOTES, tag, *arguments], source_directory=name,
                                compute_target=target, runconfig=config, allow_reuse=False, **more)

    make = step("make", "here", [data], outputs=[data])
    use = step("use", "there", [data, copy], inputs=[data])
    return Pipeline(ws, [use])

"""
