"""``dags_examples/shop_report.py`` on a real MariaDB: a query in a step, rows into a file, no password anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlsteps.storage.open import open_store
from tests.components.conftest import variable
from tests.components.sql import MariaDb
from tests.components.test_credentials import holders_of

EXAMPLES = Path(__file__).parent.parent.parent / "dags_examples"


@pytest.fixture
def shop() -> Iterator[MariaDb]:
    made = MariaDb(variable("MYSQL_URL"))
    made.query("CREATE TABLE orders (customer text, amount decimal(10, 2), ordered datetime)")
    made.query("INSERT INTO orders VALUES ('Ann', 10.50, '2020-02-29 12:00'), ('Bob', 99, now()), ('Ann', 1, now())")
    yield made
    made.drop()


def run_example(home: Path, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MYSQL"))}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "shop_report.py")],
        cwd=home,
        env={**kept, "MLSTEPS_HOME": str(home / "mlsteps"), **variables},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


def test_the_example(shop, tmp_path) -> None:
    password = shop.parts.password
    address = f"{shop.parts.hostname}:{shop.parts.port}/{shop.name}"
    output = run_example(tmp_path, SHOP_URL=f"mysql://{shop.parts.username}:{password}@{address}")
    assert "STATUS Finished" in output and "Since 2020-02-29 the best customer is Bob" in output
    shop.query("INSERT INTO orders VALUES ('Cid', 1000, now())")
    again = run_example(tmp_path)  # another process, which registers nothing: Airflow knows the connection
    assert "the best customer is Cid" in again  # a query always runs
    (workspace,) = (tmp_path / "mlsteps" / "workspaces").iterdir()
    store = open_store(str(workspace / "stores" / "workspaceblobstore"))
    saved = store.read("shop/orders.csv").decode()
    assert saved.startswith("customer,amount,ordered\nAnn,10.50,2020-02-29 12:00:00\n") and "Cid,1000.00" in saved
    assert password not in output + again and holders_of(password, tmp_path) == []
