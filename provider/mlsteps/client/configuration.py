"""Settings of the embedded Airflow: its ``airflow.cfg`` and the environment its processes get."""

from __future__ import annotations

import base64
import configparser
import io
import json
import os
import secrets
from typing import Mapping

from mlsteps.client.home import Home, read_json, write_private

USER = "admin"

#: SQLite under Airflow's default of 32 workers locks up and takes the scheduler down; 4 is stable.
PARALLELISM = 4

_DAG_FILE = '''"""Every pipeline submitted to this Airflow, from the graphs in their workspaces. Written by mlsteps."""

from mlsteps.client.embedded_dags import load

load(globals())  # an Airflow DAG is made of each graph
'''


def prepare(home: Home, core_port: int, execution_port: int) -> None:
    """Write all that Airflow reads when it starts; what must outlive a restart (the Fernet key) is kept."""
    home.make()
    write_private(home.configuration, _text(_settings(home, core_port, execution_port)))
    if not home.passwords.exists():
        write_private(home.passwords, json.dumps({USER: secrets.token_urlsafe(12)}))
    dag_file = home.dags / "mlsteps_pipelines.py"
    if not dag_file.exists() or dag_file.read_text(encoding="utf-8") != _DAG_FILE:
        write_private(dag_file, _DAG_FILE)


def password(home: Home) -> str:
    """The password of :data:`USER`."""
    return str((read_json(home.passwords) or {})[USER])


def environment(home: Home, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of the embedded Airflow.

    Settings of another Airflow are left out, lest its database be used; connections, variables and secrets backends
    stay, so that datastores find their credentials.
    """
    kept = {
        name: value
        for name, value in base.items()
        if not name.startswith(("AIRFLOW__", "_AIRFLOW_")) or name.startswith("AIRFLOW__SECRETS__")
    }
    for name in ("AIRFLOW_CONFIG", "AIRFLOW_API_APPS"):
        kept.pop(name, None)
    for name in ("NO_PROXY", "no_proxy"):
        others = [item for item in (kept.get(name), "127.0.0.1,localhost") if item]
        kept[name] = ",".join(others)
    return {**kept, "AIRFLOW_HOME": str(home.folder), "PYTHONUNBUFFERED": "1"}


def _settings(home: Home, core_port: int, execution_port: int) -> dict[str, dict[str, object]]:
    return {
        "core": {
            "dags_folder": home.dags,
            "executor": "LocalExecutor",
            "parallelism": PARALLELISM,
            "max_active_tasks_per_dag": PARALLELISM,
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "fernet_key": _kept(home, "core", "fernet_key") or base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": home.passwords,
            "execution_api_server_url": f"http://127.0.0.1:{execution_port}/execution/",
            # A task that is cancelled gets this long, in seconds, before its process tree is killed.
            "killed_task_cleanup_time": 10,
        },
        "database": {
            "sql_alchemy_conn": f"sqlite:///{home.database}",
            "sql_alchemy_connect_args": "mlsteps.client.sqlite.CONNECT_ARGS",
            "sql_alchemy_connect_args_async": "mlsteps.client.sqlite.CONNECT_ARGS_ASYNC",
        },
        "api": {
            "host": "127.0.0.1",
            "port": core_port,
            "base_url": f"http://127.0.0.1:{core_port}",
            "secret_key": secrets.token_hex(32),
        },
        "api_auth": {"jwt_secret": secrets.token_urlsafe(64)},
        "logging": {"base_log_folder": home.folder / "logs"},
        "scheduler": {
            # One loop schedules one link of a chain; the default of 1 s would be the latency of every step.
            "scheduler_idle_sleep_time": 0.2,
            "job_heartbeat_sec": 2,
            "scheduler_health_check_threshold": 20,
            "task_instance_heartbeat_timeout": 60,
            "enable_health_check": False,
        },
        # How soon a running task notices that its run was cancelled, and Airflow that a task's process has ended.
        "workers": {"min_heartbeat_interval": 1},
        "usage_data_collection": {"enabled": False},
        # A script that waits for its run wants to see the end of it at once.
        "mlsteps": {"watch_seconds": 1, "wait_seconds": 2, "retry_seconds": 1, "has_triggerer": False},
    }


def _kept(home: Home, section: str, key: str) -> str | None:
    parser = configparser.RawConfigParser()
    parser.read(home.configuration, encoding="utf-8")
    return parser.get(section, key, fallback=None)


def _text(settings: Mapping[str, Mapping[str, object]]) -> str:
    parser = configparser.RawConfigParser()
    for section, values in settings.items():
        # Airflow expands `%(name)s` when it reads; a path may hold a percent sign.
        parser[section] = {key: str(value).replace("%", "%%") for key, value in values.items()}
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
