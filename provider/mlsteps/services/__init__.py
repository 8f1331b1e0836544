"""Steps that are jobs of a service: Databricks, Synapse Spark, Azure Batch, Azure Data Explorer.

The job reads and writes the stores itself; here it is described, started once, watched, stopped, and what it wrote is
committed as any step's outputs are. Requests are made by the hooks of Airflow's providers, with their connections.
"""
