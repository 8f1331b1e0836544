"""What a compute target is made or attached with."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Dict, Sequence

from mlsteps.errors import ComputeTargetException

#: Attributes that are never written anywhere.
_SECRETS = (
    "password",
    "access_token",
    "private_key_passphrase",
    "application_key",
    "kusto_connection_string",
    "admin_user_password",
    "admin_user_ssh_key",
    "ssl_key_pem_file",
    "ssl_cert_pem_file",
)


class _Configuration:
    _TYPE: ClassVar[str] = ""

    def __init__(self, type: Any) -> None:
        self._type = type if isinstance(type, str) else getattr(type, "_TYPE", str(type))

    def _keep(self, given: Dict[str, Any]) -> None:
        """Take the constructor's arguments (``locals()``) as attributes."""
        for name, value in given.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    def _settings(self) -> Dict[str, Any]:
        """What the workspace remembers: no secrets, nothing that was not given."""
        given = {key: _settled(value) for key, value in vars(self).items() if not key.startswith("_")}
        apart = (*_SECRETS, "tags", "description", "location")
        return {key: value for key, value in given.items() if key not in apart and value not in (None, "")}

    def _credentials(self) -> Dict[str, Any]:
        """Secrets that its steps need, by name: for a connection of Airflow, never for the workspace."""
        return {}

    def validate_configuration(self) -> None:
        """Check that it can be used.

        :raises ComputeTargetException: saying what is wrong.
        """

    def _one_of(self, together: Sequence[str], alone: str) -> None:
        """Either ``alone`` is given, or all of ``together``."""
        if getattr(self, alone, None):
            return
        missing = [name for name in together if not getattr(self, name, None)]
        if missing:
            raise ComputeTargetException(
                f"{type(self).__name__} lacks {', '.join(missing)}. Expected {alone}, or {' and '.join(together)}."
            )


def key_text(path: str) -> str:
    """What a file with a private key holds; "" for no file.

    :raises ComputeTargetException: for one that cannot be read.
    """
    if not path:
        return ""
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise ComputeTargetException(f"The private key cannot be read: {error}.") from error


class ComputeTargetProvisioningConfiguration(_Configuration):
    """Base of what ``provisioning_configuration`` gives."""

    def __init__(self, type: Any, location: str | None) -> None:
        super().__init__(type)
        self.location = location


class ComputeTargetAttachConfiguration(_Configuration):
    """Base of what ``attach_configuration`` gives."""

    def __init__(self, type: Any) -> None:
        super().__init__(type)


class ComputeTargetUpdateConfiguration(_Configuration):
    """Base of what an ``update`` takes."""

    def __init__(self, type: Any) -> None:
        super().__init__(type)


def _settled(value: Any) -> Any:
    """JSON data of an argument that may be an object of the SDK."""
    name = getattr(value, "name", None)
    return name if isinstance(name, str) and not isinstance(value, str) else value
