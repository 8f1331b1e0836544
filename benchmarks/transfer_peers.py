"""The programs that `transfer_stores` measures: a JSON line in, a copy, a JSON line out.

Each runs in a process of its own that is small when it begins, so that the peak memory is its own.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measure import forget_peak, peak_mb

#: Seconds for one copy by rclone: a server's stand-in may not know what it asks for, and never answer.
PATIENCE = 120.0


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

    logging.getLogger("azure").setLevel(logging.WARNING)  # or it would tell of every request
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


def rclone(order: dict) -> dict:
    """`rclone copy --checksum`, a process each time."""
    number = str(order["workers"])
    command = [order["rclone"], "--config", order["settings"], "copy", "--checksum", "--transfers", number]
    command += ["--checkers", number, "--multi-thread-streams", number, "--s3-upload-concurrency", number]
    command += ["--azureblob-upload-concurrency", number]
    command += ["--azureblob-copy-cutoff", "5G"]  # in one request, as all do here: Azurite has no copies in parts
    command += [order["source"]["rclone"], order["target"]["rclone"]]
    process = subprocess.Popen(command)
    patience = threading.Timer(PATIENCE, process.kill)
    patience.start()
    _, status, usage = os.wait4(process.pid, 0)
    patience.cancel()
    if status:
        raise RuntimeError(f"rclone ended with {os.waitstatus_to_exitcode(status)}")
    return {"cpu": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}


def main(kind: str) -> None:
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"  # each operator would say that it is in no task
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints
    for line in sys.stdin:
        order = json.loads(line)
        forget_peak()
        start, processor = time.perf_counter(), time.process_time()
        found = {"ours": ours, "airflow": airflow, "rclone": rclone}[kind](order)
        answer = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - processor, "peak_mb": peak_mb()}
        answers.write(json.dumps({**answer, **(found or {})}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
