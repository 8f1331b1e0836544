"""S3 by a role that is assumed: temporary keys, renewed before they end. Needs aiobotocore, which s3fs brings."""

from __future__ import annotations

from typing import Any, Mapping


def assuming(role_arn: str, options: Mapping[str, Any]) -> Any:
    """A session whose requests are made in a role.

    :param options: ``key``, ``secret``, ``token`` or ``profile`` of who assumes it (none: whoever the machine is);
        ``region_name``, ``external_id``, ``role_session_name``, and ``sts_endpoint_url`` for servers of one's own.
    """
    from aiobotocore.credentials import (  # type: ignore[import-not-found, import-untyped]
        AioAssumeRoleCredentialFetcher,
        AioCredentials,
        AioDeferredRefreshableCredentials,
    )
    from aiobotocore.session import AioSession  # type: ignore[import-not-found, import-untyped]

    asking = AioSession(profile=options.get("profile"))
    if options.get("key"):
        asking._credentials = AioCredentials(options["key"], options.get("secret"), options.get("token"))
    service = {"region_name": options.get("region_name"), "endpoint_url": options.get("sts_endpoint_url")}

    class Fetcher(AioAssumeRoleCredentialFetcher):  # type: ignore[misc]
        """Asks by the session, whatever it finds its own keys by."""

        async def _create_client(self) -> Any:
            return asking.create_client("sts", **service)

    given = {"ExternalId": options.get("external_id"), "RoleSessionName": options.get("role_session_name") or "mlsteps"}
    fetcher = Fetcher(
        client_creator=asking.create_client,
        source_credentials=None,
        role_arn=role_arn,
        extra_args={name: value for name, value in given.items() if value},
        cache={},
    )
    session = AioSession()
    session._credentials = AioDeferredRefreshableCredentials(
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )
    return session
