"""The provider's routes in Airflow's API server: published pipelines are started by ``POST``.

Only the API server loads this package; :mod:`mlsteps.plugin` mounts :func:`.app.app` when it is asked for.
"""
