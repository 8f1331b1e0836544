"""``dags_examples/mounted_input.py`` on a real S3 server: mounted by the task, and the secret nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlsteps.storage.mounting.mount import why_not
from mlsteps.storage.mounting.points import mount_points
from tests.components.conftest import opened
from tests.components.test_credentials import holders_of

pytestmark = [pytest.mark.airflow, pytest.mark.skipif(why_not() is not None, reason=f"needs FUSE: {why_not()}")]

EXAMPLES = Path(__file__).parent.parent.parent / "dags_examples"


def run_example(home: Path, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS"))}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "mounted_input.py")],
        cwd=home,
        env={**kept, "MLSTEPS_HOME": str(home / "mlsteps"), **variables},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


def test_the_example(s3, tmp_path) -> None:
    store, credentials = opened(s3), s3["credentials"]
    store.write("a b.log", b"first\nsecond\n")
    store.write("2024/x#1.log", b"only\n")
    store.write("other.txt", b"no log")
    extra = {"endpoint_url": credentials["endpoint_url"], "region_name": "eu-west-1"}
    connection = {"conn_type": "aws", "login": credentials["key"], "password": credentials["secret"], "extra": extra}
    variables = {
        "LANDING_URL": s3["document"]["url"],
        "LANDING_CONNECTION": "aws_landing",
        "AIRFLOW_CONN_AWS_LANDING": json.dumps(connection),
    }
    output = run_example(tmp_path, **variables)
    assert "STATUS Finished" in output
    assert "2 logs of 3 lines" in output
    logs = "".join(path.read_text(errors="replace") for path in (tmp_path / "mlsteps" / "airflow").rglob("*.log"))
    assert "Input 'logs': 2 files mounted at" in logs
    assert credentials["secret"] not in output + logs and holders_of(credentials["secret"], tmp_path) == []
    assert mount_points() == []
