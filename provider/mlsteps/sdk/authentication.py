"""Authentication classes of the SDK: accepted wherever it takes them.

mlsteps asks Azure for nothing. Access to data is by connections, and a header made here is for the Airflow that
answers for published pipelines: with the token in ``MLSTEPS_API_TOKEN``, else with one that this Airflow gives for the
login that is configured for it (the embedded one has its own).
"""

from __future__ import annotations

import os
import time
from enum import Enum
from typing import Any, Callable, NamedTuple

from mlsteps.errors import AuthenticationException, InvalidInput

#: Variable with a token of Airflow; then nobody is asked for one.
TOKEN_VARIABLE = "MLSTEPS_API_TOKEN"
#: What stands for a token in a step, which has no way to Airflow.
NO_TOKEN = "mlsteps-local"


class Audience(Enum):
    """For whom a token is."""

    ARM = "ARM"
    AZUREML = "AZUREML"


class AccessToken(NamedTuple):
    """A token and the time it ends, in seconds since the epoch; as ``azure.core.credentials.AccessToken``."""

    token: str
    expires_on: int


class AbstractAuthentication:
    """Base of the authentication classes."""

    def __init__(self, cloud: str | None = None) -> None:
        self._cloud = cloud

    def _token(self) -> str:
        given = os.environ.get(TOKEN_VARIABLE)
        if given:
            return given
        from mlsteps.sdk import step_context

        if step_context.current() is not None:
            return NO_TOKEN
        from mlsteps.client.tokens import token

        return token()

    def get_authentication_header(self) -> dict[str, str]:
        """``{"Authorization": "Bearer ..."}`` for the Airflow that answers for published pipelines.

        :raises AuthenticationException: when Airflow refuses the login that is configured for it.
        """
        return {"Authorization": f"Bearer {self._token()}"}

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        """The token and the time it ends, an hour from now."""
        return AccessToken(self._token(), int(time.time()) + 3600)

    def signed_session(self, session: Any = None) -> Any:
        """A ``requests`` session (or the one given) that sends the header.

        :raises AuthenticationException: when none is given and requests is not installed.
        """
        if session is None:
            try:
                import requests  # type: ignore[import-untyped, unused-ignore]
            except ImportError as error:
                raise AuthenticationException("signed_session needs the package requests.") from error
            session = requests.Session()
        session.headers.update(self.get_authentication_header())
        return session

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class InteractiveLoginAuthentication(AbstractAuthentication):
    """A person; nobody is asked anything."""

    def __init__(self, force: bool = False, tenant_id: str | None = None, cloud: str | None = None) -> None:
        super().__init__(cloud)


class AzureCliAuthentication(AbstractAuthentication):
    """The login of Azure's command line; it is not read."""

    def __init__(self, cloud: str | None = None) -> None:
        super().__init__(cloud)


class MsiAuthentication(AbstractAuthentication):
    """A managed identity; it is not asked."""

    def __init__(self, cloud: str | None = None, **kwargs: Any) -> None:
        super().__init__(cloud)


class ServicePrincipalAuthentication(AbstractAuthentication):
    """A service principal; its password is not kept."""

    def __init__(
        self,
        tenant_id: str | None,
        service_principal_id: str | None,
        service_principal_password: str | None,
        cloud: str = "AzureCloud",
        _enable_caching: bool = True,
    ) -> None:
        super().__init__(cloud)
        self._tenant_id = tenant_id
        self._service_principal_id = service_principal_id


class ArmTokenAuthentication(AbstractAuthentication):
    """A token that somebody else got; it goes into the header as it is."""

    def __init__(self, arm_access_token: str, cloud: str | None = "None") -> None:  # the SDK's own default
        super().__init__(cloud)
        self.update_arm_access_token(arm_access_token)

    def update_arm_access_token(self, new_arm_access_token: str) -> None:
        """Use another token from now on."""
        if not new_arm_access_token:
            raise InvalidInput("The access token is empty", expected="a token")
        self._arm_access_token = new_arm_access_token

    def _token(self) -> str:
        return self._arm_access_token


class TokenAuthentication(AbstractAuthentication):
    """A function that gives a token for an audience."""

    def __init__(self, get_token_for_audience: Callable[[Any], str], cloud: str | None = None) -> None:
        super().__init__(cloud)
        if not callable(get_token_for_audience):
            raise InvalidInput(f"{get_token_for_audience!r} cannot be called", expected="a function of an audience")
        self._get_token_for_audience = get_token_for_audience

    def get_token(self, audience: Any = Audience.ARM) -> Any:  # type: ignore[override]
        """The function's token for an audience."""
        return self._get_token_for_audience(audience)

    def _token(self) -> str:
        return self._get_token_for_audience(Audience.ARM)


class AzureMLTokenAuthentication(AbstractAuthentication):
    """A run's token, as the SDK passes it to steps."""

    EXPIRATION_THRESHOLD_IN_SECONDS = 95
    REFRESH_INTERVAL_IN_SECONDS = 30

    def __init__(
        self,
        azureml_access_token: str,
        expiry_time: Any = None,
        host: str | None = None,
        subscription_id: str | None = None,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        experiment_name: str | None = None,
        run_id: str | None = None,
        user_email: str | None = None,
        experiment_id: str | None = None,
        cloud: str = "AzureCloud",
    ) -> None:
        super().__init__(cloud)
        self.set_token(azureml_access_token, expiry_time)

    @classmethod
    def create(
        cls,
        azureml_access_token: str,
        expiry_time: Any,
        host: str | None,
        subscription_id: str | None,
        resource_group_name: str | None,
        workspace_name: str | None,
        experiment_name: str | None,
        run_id: str | None,
        user_email: str | None = None,
        experiment_id: str | None = None,
    ) -> AzureMLTokenAuthentication:
        """The same as the constructor."""
        return cls(azureml_access_token, expiry_time)

    def set_token(self, token: str, expiry_time: Any) -> None:
        """Use another token from now on."""
        self._run_token, self._expiry_time = token, expiry_time

    @property
    def token(self) -> str:
        """The token."""
        return self._run_token

    @property
    def expiry_time(self) -> Any:
        """When it ends, as given."""
        return self._expiry_time

    def _token(self) -> str:
        return self._run_token
