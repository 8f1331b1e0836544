"""A step in a pod that holds no worker: its task is deferred while the pod runs, and a trigger waits for the end.

The workspace says, once, where `pods` is:

    airflow mlsteps compute set pods --kind kubernetes --option namespace=ml --option base_image=python:3.11-slim

A triggerer has to run (``airflow triggerer``). ``airflow mlsteps compute set pods --option deferrable=true`` does the
same for every step on that target, without a word in the pipelines.
"""

from __future__ import annotations

from airflow.sdk import DAG, task

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Environment

environment = Environment("deferred-step")
environment.python.user_managed_dependencies = True  # the image has all that the function wants

with DAG("deferred_step", schedule=None, doc_md=__doc__) as dag:
    # [START deferred]
    @task.mlsteps(compute_target="pods", environment=environment, deferrable=True)
    def estimate(samples: int) -> float:
        import random

        random.seed(1)
        inside = sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(samples))
        print("estimated from", samples)
        return round(4 * inside / samples, 2)

    # [END deferred]

    estimate(200_000)
