"""What Airflow's provider manager reads about this package."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Name, connection types, extra links and commands of the provider, as Airflow's provider schema wants them."""
    return {
        "package-name": "airflow-provider-mlsteps",
        "name": "mlsteps",
        "description": "Run Azure Machine Learning SDK v1 pipelines on Apache Airflow.",
    }
