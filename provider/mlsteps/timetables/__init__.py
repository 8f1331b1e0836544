"""Airflow timetables of this package, registered by the plugin."""
