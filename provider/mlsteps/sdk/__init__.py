"""The SDK's objects under their own names. No Airflow, and no I/O when imported or constructed."""
