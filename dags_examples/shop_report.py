"""Rows of a database into a step, and into files: a query as a dataset, and DataTransferStep.

The database is a datastore of the workspace, registered once; its password becomes a connection of Airflow. Here that
is done when ``SHOP_URL`` is set (``mysql://user:password@host:port/database``):

    SHOP_URL=mysql://... python shop_report.py

Later runs, and Airflow's scheduler, need no such variable. ``register_azure_postgre_sql`` and
``register_azure_sql_database`` serve as well; nothing else of the file would change.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Dataset, Datastore, Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.data.data_reference import DataReference
from azureml.data.sql_data_reference import SqlDataReference
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import DataTransferStep, PythonScriptStep

STEPS = Path(__file__).parent / "shop_report_steps"

ws = Workspace.from_config()

# [START register]
if os.environ.get("SHOP_URL"):
    server = urlsplit(os.environ["SHOP_URL"])
    Datastore.register_azure_my_sql(
        ws,
        "shop",
        server_name=server.hostname,
        database_name=server.path.strip("/"),
        user_id=server.username,
        user_password=server.password,
        port_number=server.port,
        overwrite=True,
    )
# [END register]


def report_on_orders() -> Pipeline:
    """A step that reads a query, and a transfer of the table."""
    shop = Datastore.get(ws, "shop")
    # [START query]
    orders = Dataset.Tabular.from_sql_query(
        (shop, "SELECT customer, amount, ordered FROM orders WHERE amount > 0"), query_timeout=60
    )
    # [END query]
    environment = Environment("shop-report")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["pandas"])
    config = RunConfiguration()
    config.environment = environment

    report = OutputFileDatasetConfig(name="report").register_on_complete(name="shop_report")
    make = PythonScriptStep(
        name="report",
        script_name="report.py",
        source_directory=STEPS / "report",
        arguments=["--report", report],
        inputs=[orders.as_named_input("orders")],
        compute_target="local",
        runconfig=config,
    )
    # [START transfer]
    save = DataTransferStep(
        name="save",
        source_data_reference=SqlDataReference(shop, "all_orders", sql_table="orders"),
        destination_data_reference=DataReference(
            ws.get_default_datastore(), "saved", path_on_datastore="shop/orders.csv"
        ),
        destination_reference_type="file",
        compute_target="adf",
    )
    # [END transfer]
    return Pipeline(ws, steps=[make, save], description="What each customer bought")


if "shop" in ws.datastores:  # a workspace without it has no such DAG
    dag = report_on_orders().as_dag("shop_report", schedule=None)

if __name__ == "__main__":
    run = Experiment(ws, "shop_report").submit(report_on_orders())
    print("STATUS", run.wait_for_completion(show_output=True))
