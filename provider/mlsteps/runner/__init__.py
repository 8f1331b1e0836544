"""Runs beside a step: stages its inputs, supervises its script, commits its outputs, answers with a ``StepResult``.

``python -m mlsteps.runner SPEC RESULT``. Standard input brings one line of JSON, the credentials
(``{"datastores": {name: {...}}, "workspace": {...}}``, may be ``{}``), and is then held open by whoever started the
runner: when it closes, or on SIGTERM, the script and every process it started are killed. The script's output goes to
standard output as it comes. Exit code 0 means that RESULT says ``Completed``.

* :mod:`.attempt`     the order of things
* :mod:`.stage`       source and inputs;  :mod:`.outputs` places for outputs, and their commit
* :mod:`.process`     the script's process;  :mod:`.bound` why it ends with the runner
* :mod:`.tree`        all processes below it;  :mod:`.cancel` when to stop
* :mod:`.variables`   what the script sees;  :mod:`.runtime` and :mod:`.run_file` are parts of that
* :mod:`.artifacts`   ``outputs/``, ``logs/`` and the log

Standard library only, Python 3.7, no Airflow.
"""
