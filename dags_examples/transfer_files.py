"""Copy files between any two stores, in a DAG of one's own: here from one folder of the worker to another.

Trigger it with other places to see more: ``s3://conn_id@bucket/folder``, ``abfs://conn_id@container/folder``,
``smb://server/share/folder`` with a connection, ``azureml://datastores/<name>/paths/<path>``.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG, Param

from mlsteps.operators import DataTransferOperator

HERE = Path(__file__).parent

with DAG(
    "transfer_files",
    schedule=None,
    params={
        "source": Param(str(HERE / "compare_models_steps"), type="string", description="A file or a folder"),
        "destination": Param("/tmp/transfer_files", type="string", description="Where it goes"),
    },
    doc_md=__doc__,
) as dag:
    # [START transfer]
    copy = DataTransferOperator(
        task_id="copy",
        source="{{ params.source }}",
        destination="{{ params.destination }}/{{ run_id }}",
        destination_type="directory",
    )
    one_file = DataTransferOperator(
        task_id="one_file",
        source="{{ ti.xcom_pull(task_ids='copy')['destination'] }}/prepare/prepare.py",
        destination="{{ params.destination }}/latest.py",
    )
    # [END transfer]
    copy >> one_file
