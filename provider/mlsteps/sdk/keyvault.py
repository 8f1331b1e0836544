"""``Keyvault``: the workspace's secrets, which are Airflow's, never files of the workspace."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from mlsteps.errors import UnsupportedFeature, UserErrorException

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

#: What a secret's ``content_type`` is when nobody gave one.
NOT_PROVIDED = "not_provided"
_VARIABLE = "AIRFLOW_VAR_"
#: In a step, where Airflow's own variables are not handed on.
_IN_STEP = "MLSTEPS_SECRET_"


class Keyvault:
    """Secrets by name.

    A secret ``db-password`` is the Airflow variable ``mlsteps_<workspace>_db_password``, else ``db_password``, found
    through the environment (``AIRFLOW_VAR_DB_PASSWORD``). A step does not see Airflow's variables: it finds what its
    environment variables name ``MLSTEPS_SECRET_DB_PASSWORD``.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def get_secret(self, name: str) -> str:
        """A secret's value.

        :raises UserErrorException: when there is none; names the variables looked at.
        """
        for variable in self._variables(name):
            if variable in os.environ:
                return os.environ[variable]
        looked = ", ".join(self._variables(name))
        raise UserErrorException(f"There is no secret {name!r} in {self.workspace.name!r}. Looked for {looked}.")

    def get_secrets(self, secrets: Sequence[str]) -> dict[str, str | None]:
        """Values by name; None for those there are none of."""
        found: dict[str, str | None] = {}
        for name in secrets:
            known = [variable for variable in self._variables(name) if variable in os.environ]
            found[name] = os.environ[known[0]] if known else None
        return found

    def set_secret(self, name: str, value: str, content_type: Any = NOT_PROVIDED) -> None:
        """Set a secret for this process and those it starts; nothing is written.

        For longer, set it in Airflow: ``airflow variables set``, or a secrets backend.
        """
        os.environ[self._variables(name)[0]] = str(value)

    def set_secrets(self, secrets_batch: Mapping[str, str]) -> None:
        """Set several secrets, as :meth:`set_secret`."""
        for name, value in secrets_batch.items():
            self.set_secret(name, value)

    def delete_secret(self, name: str) -> None:
        """Forget a secret in this process; absent is fine."""
        os.environ.pop(self._variables(name)[0], None)

    def delete_secrets(self, secrets: Sequence[str]) -> None:
        """Forget several secrets."""
        for name in secrets:
            self.delete_secret(name)

    def list_secrets(self) -> list[dict[str, str]]:
        """Names of the workspace's own secrets, as ``[{"name":}]``."""
        prefix = self._prefix()
        return [{"name": key[len(prefix) :].lower()} for key in sorted(os.environ) if key.startswith(prefix)]

    def get_secret_content_type(self, name: str) -> Any:
        """What kind of text a secret is.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature("Keyvault.get_secret_content_type", "Airflow keeps no such thing")

    def _prefix(self) -> str:
        return f"{_VARIABLE}MLSTEPS_{_upper(self.workspace.name)}_"

    def _variables(self, name: str) -> tuple[str, ...]:
        if not isinstance(name, str) or not name.strip():
            raise UserErrorException(f"The name of the secret is {name!r}; expected a text.")
        return self._prefix() + _upper(name), _VARIABLE + _upper(name), _IN_STEP + _upper(name)


def _upper(name: str) -> str:
    return re.sub(r"\W", "_", name).upper()
