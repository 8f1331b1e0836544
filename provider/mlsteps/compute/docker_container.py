"""What a container is made with: limits, user, variables, mounts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlsteps.compute.asked import GIB, Limits, asked_for, handed_on, size_of
from mlsteps.compute.inside import HOME
from mlsteps.compute.placement import DockerOptions
from mlsteps.compute.places import Place
from mlsteps.compute.tar import Owner
from mlsteps.compute.vm_sizes import Resources

if TYPE_CHECKING:
    from docker import APIClient


def limits(
    options: DockerOptions,
    docker: Mapping[str, Any],
    size: Resources | None,
    machine: Callable[[], Mapping[str, Any]],
) -> tuple[Limits, list[str]]:
    """The limits, and notes on what was left out.

    The compute target's own options come first, then the run configuration's, then the VM size when it shall count.

    :param docker: the run configuration's ``docker`` section; :param machine: asks the engine what it has.
    """
    asked, notes = asked_for(docker)
    known = {
        "cpus": options.cpus,
        "memory": None if options.memory is None else size_of(options.memory),
        "gpus": options.gpus,
        "shm_size": options.shm_size,
        "network": options.network,
    }
    made = replace(asked, **{name: value for name, value in known.items() if value is not None})  # type: ignore[arg-type]
    if options.limits == "vm_size" and size is not None:
        there = machine()
        made = replace(
            made,
            cpus=made.cpus or min(size.cores, int(there.get("NCPU") or size.cores)),
            memory=made.memory or min(int(size.memory * GIB), int(there.get("MemTotal") or size.memory * GIB)),
            gpus=size.gpus or None if made.gpus is None else made.gpus,
        )
    return made, notes


def is_other_user(options: DockerOptions) -> bool:
    """Whether steps are to run as somebody who could not write where the worker writes."""
    return options.user not in (None, f"{os.getuid()}:{os.getgid()}", str(os.getuid()))


class User:
    """Who the step is inside: ``name`` for the engine (None: as the image says), ``owner`` of what it may write to."""

    def __init__(self, options: DockerOptions, image_user: str, *, sees_files: bool) -> None:
        own = f"{os.getuid()}:{os.getgid()}"
        asked = options.user
        if asked is None:
            # Files that steps write belong to the worker's user, as those of local steps do. Where nothing is shared
            # they get their owner when they are brought back, and a step need not be root because its worker is.
            asked = own if sees_files or os.getuid() != 0 else "image"
        self.name = None if asked == "image" else asked
        self.is_workers = self.name == own
        self.ids = _ids(image_user if self.name is None else self.name)
        self.owner = Owner(*self.ids) if self.ids is not None else Owner(0, 0, all_may_write=True)

    def groups(self) -> list[str]:
        """More groups that the worker's user is in."""
        return [str(group) for group in os.getgroups()] if self.is_workers else []

    def variables(self) -> dict[str, str]:
        """A home for a user that the image has none for."""
        if self.name is None or self.ids is None or self.ids[0] == 0:
            return {}
        return {"HOME": HOME, "USER": "mlsteps", "LOGNAME": "mlsteps"}


def _ids(user: str) -> tuple[int, int] | None:
    if user in ("", "root", "0"):
        return 0, 0
    match = re.fullmatch(r"(\d+)(?::(\d+))?", user)
    return (int(match.group(1)), int(match.group(2) or 0)) if match else None


def variables(options: DockerOptions, user: User, asked: Limits) -> dict[str, str]:
    """The container's variables. Anyone who may inspect it reads them: there are no secrets among them."""
    ours = {"MLSTEPS_HOME": HOME, "MLSTEPS_CACHE_SIZE": "0"}  # what a container keeps is gone with it
    return {**user.variables(), **handed_on(), **asked.variables, **options.environment, **ours}


def host_config(
    client: APIClient,
    options: DockerOptions,
    asked: Limits,
    places: Sequence[Place],
    groups: Sequence[str],
) -> dict[str, Any]:
    """How the container is held to the machine.

    :param places: folders of this machine that the step sees; none of them when the engine does not.
    """
    from docker.types import DeviceRequest, LogConfig, Mount

    mounts = [Mount(place.inside or place.path, place.path, type="bind", read_only=place.read_only) for place in places]
    mounts += [_mount(text) for text in options.mounts]
    config: dict[str, Any] = client.create_host_config(
        mounts=mounts,
        nano_cpus=None if asked.cpus is None else int(asked.cpus * 1e9),
        mem_limit=asked.memory,
        shm_size=asked.shm_size,
        ipc_mode=asked.ipc,
        network_mode=asked.network,
        device_requests=[DeviceRequest(count=asked.gpus, capabilities=[["gpu"]])] if asked.gpus else None,
        extra_hosts=dict(options.extra_hosts) or None,
        group_add=list(groups) or None,
        security_opt=["no-new-privileges"],
        # Whoever collects a step that lost its worker reads its output from here; not every driver can be read.
        log_config=LogConfig(type=LogConfig.types.JSON),
    )
    return config


def _mount(text: str) -> Any:
    from docker.types import Mount

    source, target, *mode = text.split(":")
    return Mount(target, source, type="bind", read_only=mode == ["ro"])
