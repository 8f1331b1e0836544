"""Tokens for the Airflow that answers for published pipelines, as its own auth manager gives them."""

from __future__ import annotations

from typing import Any

from mlsteps.client.target import last_used, target_of
from mlsteps.sdk import workspace_reference


def token() -> str:
    """A token for the Airflow that this process has used last, else for the one of the workspace that is configured
    here; with none configured for the embedded one, which is started when it does not run.

    :raises UserErrorException: when there is no login for that Airflow; says where to put it.
    :raises AuthenticationException: when Airflow refuses the login.
    """
    return (last_used() or target_of(_configured())).api.token()


def _configured() -> dict[str, Any]:
    file = workspace_reference.find_config(None, None)
    found = workspace_reference.read_config(file) if file is not None else {}
    return {**workspace_reference.configured(found.get("name")), **found}
