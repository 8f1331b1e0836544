"""Command lines: ``mlsteps ...`` for people with SDK scripts, ``airflow mlsteps ...`` for people with an Airflow."""
