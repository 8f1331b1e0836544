"""The ``[mlsteps]`` section of ``airflow.cfg``."""

from __future__ import annotations

_DEFAULTS = {"planted_steps": 50.0, "watch_seconds": 5.0, "wait_seconds": 10.0}


def setting(name: str) -> float:
    """A number from the section, or its default (see ``get_provider_info``)."""
    from airflow.sdk import conf

    return float(conf.getfloat("mlsteps", name, fallback=_DEFAULTS[name]))
