"""Solves conda packages and installs them, with ``py-rattler``: in this process, or as a program in an image's build.

It stands alone, the standard library and the solver apart: an image is given this very file.

As a program it is called with the path of a plan (``{"specs": [...], "channels": [...]}``), the folder to make and the
lock to write; ``MLSTEPS_CHANNELS`` is a file of ``{host: header}`` for hosts that want a login.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any, Mapping, Sequence

#: What the solver raises; of its own, each directly below ``Exception``.
_ERRORS = (
    *("SolverError", "GatewayError", "InstallerError", "LinkError", "TransactionError", "FetchRepoDataError"),
    *("InvalidMatchSpecError", "InvalidChannelError", "InvalidUrlError", "CacheDirError", "DetectVirtualPackageError"),
)


class CannotInstall(Exception):
    """The packages cannot be solved or had; the text is the solver's."""


async def install(
    specs: Sequence[str], channels: Sequence[str], prefix: str, *, headers: Mapping[str, str], cache: str
) -> list[tuple[str, str]]:
    """Make a conda environment; answers address and digest (sha256) of each package.

    :param specs: such as ``numpy >=1.2``; :param channels: names or addresses, in order, without logins.
    :param prefix: the folder to make; :param cache: a folder that is there, for what was fetched.
    :param headers: what to say to hosts that want a login, ``{host: "Basic ..."}``.
    :raises CannotInstall: in the solver's words.
    """
    import rattler

    client = _client(headers)
    try:
        records = await rattler.solve(
            sources=list(channels),
            specs=list(specs),
            gateway=rattler.Gateway(cache_dir=cache, client=client),
            virtual_packages=rattler.VirtualPackage.detect(),
            channel_priority=rattler.ChannelPriority.Flexible,
        )
        await rattler.install(records, prefix, cache_dir=cache, client=client, show_progress=False)
    except _errors() as error:
        raise CannotInstall(str(error).strip()) from error
    return sorted((record.url, (record.sha256 or b"").hex()) for record in records)


def _errors() -> Any:
    from rattler import exceptions

    own = (getattr(exceptions, name) for name in _ERRORS if hasattr(exceptions, name))
    return (OSError, ValueError, RuntimeError, *own)


def _client(headers: Mapping[str, str]) -> Any:
    from rattler.networking import AddHeadersMiddleware, AuthenticationMiddleware, Client, RetryMiddleware

    def said(host: str, path: str) -> dict[str, str] | None:
        return {"Authorization": headers[host]} if host in headers else None

    return Client([RetryMiddleware(), AuthenticationMiddleware(), AddHeadersMiddleware(said)])


def _read(path: str) -> Any:
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(plan: str, prefix: str, lock: str) -> int:
    """The program; answers its exit code."""
    wanted = _read(plan)
    cache = os.environ.get("MLSTEPS_CACHE") or os.path.join(os.path.dirname(prefix), "cache")
    os.makedirs(cache, exist_ok=True)
    headers = _read(os.environ.get("MLSTEPS_CHANNELS") or "/nowhere")
    try:
        made = asyncio.run(install(wanted["specs"], wanted["channels"], prefix, headers=headers, cache=cache))
    except CannotInstall as error:
        print(f"The conda packages {', '.join(wanted['specs'])} cannot be had from {', '.join(wanted['channels'])}:")
        print(error, flush=True)
        return 1
    with open(lock, "w", encoding="utf-8") as file:
        file.writelines(f"# {address}#sha256={digest}\n" for address, digest in made)
    print(f"{len(made)} conda packages installed")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
