"""When a schedule fires. Pure: no Airflow, no stores.

* :mod:`.rule`     the instants of a recurrence
* :mod:`.zones`    Windows' names of time zones
* :mod:`.changes`  what has changed below a path since it was last looked at
"""
