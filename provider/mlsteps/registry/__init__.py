"""What a workspace knows, as JSON documents in its store.

* :mod:`.workspaces`       opens a workspace, makes a local one on first use
* :mod:`.documents`        datastores, compute targets, environments
* :mod:`.datasets`, :mod:`.models`   named things with version numbers that are never given twice
* :mod:`.records`          finished steps by fingerprint, and the manifests of their outputs
* :mod:`.leases`           one runner per fingerprint at a time
* :mod:`.runs`             what happened to a run: events, metrics, artifacts, children
* :mod:`.pipeline_status`  a pipeline run's status, derived from its steps
* :mod:`.run_ids`          ids of runs, derived from Airflow's

Parts of this run inside steps: standard library only, Python 3.7.
"""
