"""A DAG that runs a published pipeline of others: its DAG is triggered, and waited for, by Airflow's own operator.

``publish_and_schedule.py`` publishes it; ``mlsteps pipelines show count-words`` tells its DAG's id. An endpoint's DAG
always runs the endpoint's default version.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param

with DAG(
    "call_published",
    schedule=None,
    params={
        "pipeline": Param("count-words-00000000", type="string", description="DAG of the published pipeline"),
        "text": Param("the cat sat on the mat", type="string"),
    },
    doc_md=__doc__,
) as dag:
    # [START call]
    count = TriggerDagRunOperator(
        task_id="count",
        trigger_dag_id="{{ params.pipeline }}",
        conf={"text": "{{ params.text }}"},
        wait_for_completion=True,
        poke_interval=2,
    )
    # [END call]
