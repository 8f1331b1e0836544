"""Delete intermediate outputs that nobody needs any more, every week: what ``airflow mlsteps gc --apply`` does.

What a dataset's version, a model or a running pipeline needs stays, and so does what was made or reused lately. A step
whose outputs are gone runs again when a pipeline needs it.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

with DAG(
    "clean_up",
    schedule="@weekly",
    catchup=False,
    max_active_runs=1,
    params={
        "older_than": Param("30d", type="string", description="How long not made and not reused: 30d, 12h"),
        "apply": Param(True, type="boolean", description="Off: only say what would go"),
    },
    doc_md=__doc__,
) as dag:
    # [START clean_up]
    @task
    def clean_up(params: dict | None = None) -> dict:
        from mlsteps.operators.cleanup import clean_up

        return clean_up(older_than=params["older_than"], apply=params["apply"])

    # [END clean_up]
    clean_up()
