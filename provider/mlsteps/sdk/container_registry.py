"""Where a container image comes from."""

from __future__ import annotations

from typing import Any

from mlsteps.sdk.sections import Section


class RegistryIdentity(Section):
    """A managed identity that may pull images."""

    _FIELDS = ("resource_id", "client_id")

    def __init__(self) -> None:
        self.resource_id: str | None = None
        self.client_id: str | None = None


class ContainerRegistry(Section):
    """A registry of container images; ``password`` stays in this object and is written nowhere."""

    _FIELDS = ("address", "username", "password", "registry_identity")

    def __init__(self) -> None:
        self.address: str | None = None
        self.username: str | None = None
        self.password: str | None = None
        self.registry_identity: RegistryIdentity | None = None

    def __repr__(self) -> str:
        return f"ContainerRegistry(address={self.address!r}, username={self.username!r})"

    def _changed(self) -> dict[str, Any]:
        return {key: value for key, value in super()._changed().items() if key not in ("password", "username")}

    def _to_yaml(self) -> dict[str, Any]:
        return {**super()._to_yaml(), "password": None}


class AzureContainerRegistry(ContainerRegistry):
    """The SDK's older name for :class:`ContainerRegistry`."""
