"""What pip cannot provide, solved and installed by ``py-rattler`` from the channels of a conda specification.

Only environments that want it come here: those with a package that the mapping to pip has to refuse, or with a channel
that is given by its address and so holds packages of its own. ``py-rattler`` is looked for when that is so.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import os
import re
from typing import Any, Iterable, Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

from mlsteps.environments import azureml_packages, conda_install, conda_to_pip
from mlsteps.environments.conda_to_pip import PipPlan
from mlsteps.environments.pip_options import redact
from mlsteps.errors import InvalidInput, RunConfigurationException
from mlsteps.registry.index_credentials import missing, signed
from mlsteps.storage.places import home

#: Names that conda programs know by themselves.
_ADDRESSES = {"defaults": ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")}
_MEND = "pip install airflow-provider-mlsteps[conda] on the workers, to have such packages solved from their channels"
#: The oldest Python that runs beside a step.
_PYTHON = "python >=3.8"


def is_installed() -> bool:
    """Whether the solver can be had."""
    return importlib.util.find_spec("rattler") is not None


def plan(conda: Mapping[str, Any] | None) -> PipPlan:
    """What to install for a conda document: by pip alone where that can be, else some of it from its channels.

    :raises InvalidInput: as :func:`.conda_to_pip.plan`; where the solver would help, the message says how to get it.
    """
    conda = conda or {}
    beyond, own = conda_to_pip.beyond_pip(conda), _own_channels(conda)
    if not beyond and not (own and _packages(conda)):
        return conda_to_pip.plan(conda)
    if is_installed():
        return _solved(conda)
    if beyond:
        told = "; ".join(f"{text!r}" + (f" ({mend})" if mend else "") for text, mend in beyond.items())
        raise InvalidInput(f"These conda packages have no counterpart among pip's packages: {told}", mend=_MEND)
    mapped = conda_to_pip.plan(conda)
    note = f"conda channels passed over: {', '.join(map(redact, own))}; to use them: {_MEND}"
    return mapped._replace(notes=(note, *mapped.notes))


def _solved(conda: Mapping[str, Any]) -> PipPlan:
    """The packages for the solver, and what is pip's."""
    texts = _packages(conda)
    ours = [text for text in texts if azureml_packages.is_sdk_package(_name(text))]
    nested = [item for item in conda.get("dependencies") or [] if isinstance(item, Mapping)]
    pip = conda_to_pip.plan({"dependencies": [*ours, *nested]})
    specs = [text for text in texts if text not in ours]
    if not any(_name(text) == "python" for text in specs):
        specs.append(_PYTHON)
    return pip._replace(conda=tuple(dict.fromkeys(specs)), channels=tuple(_channels(conda)))


def _packages(conda: Mapping[str, Any]) -> list[str]:
    items = [item for item in conda.get("dependencies") or [] if not isinstance(item, Mapping)]
    return [text for text in (str(item).split("#", 1)[0].strip() for item in items) if text]


def _name(text: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", text.rpartition("::")[2])
    return match.group(0).lower() if match else ""


def _own_channels(conda: Mapping[str, Any]) -> list[str]:
    return [str(item) for item in conda.get("channels") or [] if "://" in str(item) or str(item).startswith("/")]


def _channels(conda: Mapping[str, Any]) -> Iterable[str]:
    names = [str(item) for item in conda.get("channels") or [] if item != "nodefaults"] or ["conda-forge"]
    for name in names:
        yield from _ADDRESSES.get(name, (f"file://{name}" if name.startswith("/") else name,))


def install(plan: PipPlan, prefix: str) -> str:
    """Make a conda environment; answers its lock, one line a package, each a remark to pip.

    :param prefix: the folder to make.
    :raises RunConfigurationException: when the packages cannot be solved or had; the solver's words say why.
    """
    return asyncio.run(_install(plan, prefix))


async def _install(plan: PipPlan, prefix: str) -> str:
    addresses, headers = logins(plan.channels)
    cache = os.path.join(home(), "cache", "conda")
    os.makedirs(cache, exist_ok=True)
    try:
        made = await conda_install.install(plan.conda, addresses, prefix, headers=headers, cache=cache)
    except conda_install.CannotInstall as error:
        raise RunConfigurationException(
            f"The conda packages {', '.join(map(repr, plan.conda))} cannot be had from the channels "
            f"{', '.join(map(redact, plan.channels))}. The solver said:\n{redact(str(error))}{missing(plan.channels)}"
        ) from None
    if not os.path.exists(os.path.join(prefix, "bin", "python")):
        raise RunConfigurationException(f"The conda packages {', '.join(plan.conda)} brought no bin/python.")
    return "".join(f"# {redact(address)}#sha256={digest}\n" for address, digest in made)


def logins(channels: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Addresses of channels without logins, and what to say to the hosts that want one."""
    apart = [_apart(signed(channel)) for channel in channels]
    return [address for address, _ in apart], {host: header for _, found in apart for host, header in found.items()}


def _apart(channel: str) -> tuple[str, dict[str, str]]:
    """A channel without the credentials in its address, and what to say to its host in their place.

    The solver keeps addresses in its cache, so credentials are no part of them.
    """
    parts = urlsplit(channel)
    if not parts.hostname or parts.username is None:
        return channel, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare), {parts.hostname: "Basic " + base64.b64encode(login.encode()).decode()}
