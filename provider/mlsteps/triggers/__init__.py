"""Airflow triggers of this package."""
