"""The ``[mlsteps]`` section of ``airflow.cfg``."""

from __future__ import annotations

_DEFAULTS = {"planted_steps": 50.0, "watch_seconds": 5.0, "wait_seconds": 10.0, "retries": 2.0, "retry_seconds": 30.0}


def setting(name: str) -> float:
    """A number from the section, or its default (see ``get_provider_info``)."""
    from airflow.sdk import conf

    return float(conf.getfloat("mlsteps", name, fallback=_DEFAULTS[name]))


def may_defer(wanted: bool | None) -> bool:
    """Whether a task is deferred: what its operator or compute target says, else ``[operators] default_deferrable``;
    never where there is no triggerer.
    """
    from airflow.sdk import conf

    if wanted is None:
        wanted = conf.getboolean("operators", "default_deferrable", fallback=False)
    return bool(wanted) and bool(conf.getboolean("mlsteps", "has_triggerer", fallback=True))


def wait_seconds() -> float:
    """How long a step that waits for another run's result gives up its slot: ``wait_seconds``, or longer.

    The scheduler hears of a task's end from its executor, up to ``[workers] min_heartbeat_interval`` after the process
    has ended. A task that is due again before that is taken for one that was ended from outside, and fails.
    """
    from airflow.sdk import conf

    until_known = 2.0 * conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0) + 2.0
    return max(setting("wait_seconds"), until_known)
