"""The two Python programs that `transfer_stores` measures: a JSON line in, a copy, a JSON line out."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def has_airflow_operator() -> bool:
    try:
        return importlib.util.find_spec("airflow.providers.common.io") is not None
    except ModuleNotFoundError:
        return False


def ours(order: dict) -> None:
    """What `DataTransferOperator` does in a task."""
    from mlsteps.storage.copying.plan import plan, sources
    from mlsteps.storage.copying.run import copy
    from mlsteps.storage.open import open_store

    one, two = (open_store(order[end]["url"].rpartition("/")[0], order[end]["options"]) for end in ("source", "target"))
    kind, found = sources(one, order["source"]["url"].rpartition("/")[2])
    copy(plan(found, kind, two, order["target"]["url"].rpartition("/")[2]), workers=order["workers"])


def airflow(order: dict) -> None:
    """`FileTransferOperator`, one for each file."""
    import fsspec
    from airflow.providers.common.io.operators.file_transfer import FileTransferOperator
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io import attach

    for end in ("source", "target"):
        if order[end]["protocol"] != "file":
            options = order[end]["options"]
            attach(order[end]["protocol"], fs=fsspec.filesystem(order[end]["protocol"], **options))

    def one(name: str) -> None:
        source, target = (ObjectStoragePath(f"{address(order[end])}/{name}") for end in ("source", "target"))
        operator = FileTransferOperator(task_id="copy", src=source, dst=target, overwrite=True)
        operator.execute({})

    def address(end: dict) -> str:
        return f"file://{end['url']}" if end["protocol"] == "file" else end["url"]

    if order["target"]["protocol"] == "file":  # it makes no folders
        for folder in {os.path.dirname(name) for name in order["names"]}:
            os.makedirs(f"{order['target']['url']}/{folder}", exist_ok=True)
    with ThreadPoolExecutor(order["workers"]) as pool:
        list(pool.map(one, order["names"]))


def main(kind: str) -> None:
    logging.getLogger("azure").setLevel(logging.WARNING)  # or it would tell of every request
    logging.getLogger("airflow.task.operators").setLevel(logging.ERROR)  # likewise that this is no task
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints
    for line in sys.stdin:
        order = json.loads(line)
        start = time.perf_counter()
        {"ours": ours, "airflow": airflow}[kind](order)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answers.write(json.dumps({"seconds": seconds, "peak_mb": peak}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
