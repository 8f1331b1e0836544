"""Submitting pipelines, following and cancelling their runs; the embedded Airflow that runs them by default.

* :mod:`.submit`, :mod:`.follow`, :mod:`.control`   what ``Experiment.submit`` and ``PipelineRun`` call
* :mod:`.airflow_api`   Airflow's public REST API, as much of it as is needed here
* :mod:`.embedded`      a script's connection to the embedded Airflow
* :mod:`.server`        its supervisor, with :mod:`.processes` (forks) and :mod:`.airflow_parts` (what they do)
* :mod:`.demo`          ``make demo``

Nothing here imports Airflow into the process that submits; only the supervisor's modules do.
"""
