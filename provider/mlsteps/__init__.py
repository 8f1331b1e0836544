"""Run Azure Machine Learning SDK v1 pipelines on Apache Airflow 3, on any storage and any compute.

``import mlsteps`` is light: it loads no Airflow, no storage driver and no data library.
"""

from __future__ import annotations

__version__ = "0.1.0"
