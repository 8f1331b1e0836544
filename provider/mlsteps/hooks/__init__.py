"""Airflow hooks: how a connection becomes a workspace."""
