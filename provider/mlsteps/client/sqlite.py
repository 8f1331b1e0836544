"""What the embedded Airflow's connections to its SQLite database are made with.

Named in its configuration: ``[database] sql_alchemy_connect_args`` and ``..._async``, which Airflow imports.
"""

from __future__ import annotations

#: Seconds that one process waits while another one writes; sqlite3's own 5 are few on a busy disk, and then a request
#: fails with "Database error".
CONNECT_ARGS = {"timeout": 60.0}
#: A dictionary of its own, as Airflow adds to the other one what this kind of connection does not know.
CONNECT_ARGS_ASYNC = dict(CONNECT_ARGS)
