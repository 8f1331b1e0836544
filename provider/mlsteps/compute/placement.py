"""What a placement may say: its kind, and the options that each kind knows. Wrong ones are refused when set."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from mlsteps.compute.asked import size_of
from mlsteps.errors import InvalidInput

#: Keys of a placement that Airflow itself acts upon.
SCHEDULING = ("pool", "queue", "executor")
_KEYS = ("name", "kind", "options", *SCHEDULING)
_SIZES = ("memory", "shm_size", "carry")
_A_SIZE = "a number and a unit, such as 512m or 4g"
_ABOVE_ZERO = ("cpus", "poll_seconds", "schedule_seconds", "start_seconds")


def scheduling_of(placement: Mapping[str, Any]) -> dict[str, str]:
    """Pool, queue and executor of a placement, as far as it names them."""
    return {key: str(placement[key]) for key in SCHEDULING if placement.get(key)}


@dataclass(frozen=True)
class LocalOptions:
    """A process on the worker; there is nothing to say about it."""


@dataclass(frozen=True)
class DockerOptions:
    """A container.

    :param docker_url: the engine; default ``DOCKER_HOST``, else the machine's own.
    :param docker_conn_id: Airflow connection of type ``docker``: the registry to log in to before pulling and pushing.
    :param tls_ca_cert: :param tls_client_cert: :param tls_client_key: PEM files on the worker, all three or none;
        ``DOCKER_CERT_PATH`` without them.
    :param image: runs every step, whatever its environment says.
    :param base_image: what images of environments start from when these name none; ``{python}`` is the version asked
        for, as in ``python:{python}-slim``.
    :param base_images: what to take in place of images that environments name, by patterns such as
        ``mcr.microsoft.com/azureml/*``.
    :param registry: where built images are kept for other machines, as in ``registry.example.com/team``.
    :param pull: ``missing``, ``always`` or ``never``.
    :param user: ``uid:gid`` or a name, or ``image`` for the image's own; default the worker's, so that files belong to
        it. Another user does not work on the worker's files: they are copied in, and outputs out, as the worker's.
    :param network: default the engine's.
    :param cpus: cores; :param memory: such as ``4g``; :param shm_size: such as ``2g``, default what the run
        configuration says; :param gpus: a number, or -1 for all.
    :param limits: ``vm_size`` holds a container to what the target's ``vm_size`` has (and the machine can give) where
        ``cpus``, ``memory`` and ``gpus`` say nothing; ``none`` does not.
    :param environment: variables, readable by whoever may inspect containers: no secrets here.
    :param mounts: more folders of the engine's machine, ``path:path-in-container[:ro]``.
    :param shared_files: whether the engine sees this machine's files under the same paths; None finds out.
        Where it does not, the files of a step are copied in and its outputs out.
    :param extra_hosts: addresses by name; :param labels: more labels.
    """

    docker_url: str | None = None
    docker_conn_id: str | None = None
    tls_ca_cert: str | None = None
    tls_client_cert: str | None = None
    tls_client_key: str | None = None
    image: str | None = None
    base_image: str | None = None
    base_images: Mapping[str, str] = field(default_factory=dict)
    registry: str | None = None
    pull: str = "missing"
    user: str | None = None
    network: str | None = None
    cpus: float | None = None
    memory: str | None = None
    shm_size: str | None = None
    gpus: int | None = None
    limits: str = "none"
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    shared_files: bool | None = None
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _one_of("pull", self.pull, ("missing", "always", "never"))
        _one_of("limits", self.limits, ("none", "vm_size"))
        certificates = (self.tls_ca_cert, self.tls_client_cert, self.tls_client_key)
        if any(certificates) and not all(certificates):
            raise InvalidInput(
                "Some of the TLS files are missing", expected="tls_ca_cert, tls_client_cert and tls_client_key, or none"
            )
        for mount in self.mounts:
            if len(mount.split(":")) not in (2, 3) or not mount.startswith("/"):
                raise InvalidInput(f"The mount {mount!r} cannot be read", expected="/path:/path/in/container or ...:ro")


@dataclass(frozen=True)
class ServiceOptions:
    """A service that runs the steps made for it (``DatabricksStep`` and the like), and no others.

    :param conn_id: Airflow connection of the service; default that of the provider, such as ``databricks_default``.
    :param poll_seconds: between two looks at a job.
    """

    conn_id: str | None = None
    poll_seconds: float = 15.0


@dataclass(frozen=True)
class KubernetesOptions:
    """A pod.

    :param kubernetes_conn_id: Airflow connection of type ``kubernetes``; without one the cluster that the worker runs
        in, else ``KUBECONFIG``.
    :param config_file: :param cluster_context: :param in_cluster: as of Airflow's ``KubernetesPodOperator``.
    :param namespace: default the connection's, else the worker's own in a cluster, else ``default``.
    :param image: runs every step, whatever its environment says; :param base_image: :param base_images: as of
        ``docker``.
    :param registry: where images of environments are kept: built with the Docker engine of the workers and pushed.
        Without one an image has to be on the nodes already.
    :param build: ``docker``, or ``never``: somebody else has made the images (``airflow mlsteps environment build``).
    :param docker_url: :param docker_conn_id: the engine that builds, and the login that pushes.
    :param pull: ``missing``, ``always`` or ``never``; :param image_pull_secrets: names of secrets of the namespace.
    :param user: ``uid:gid``, or ``image`` for the image's own.
    :param service_account: whose token the script gets; without one it gets none.
    :param node_selector: labels of nodes; :param tolerations: :param affinity: as in a pod's ``spec``;
        :param priority_class: a name.
    :param cpus: cores; :param memory: such as ``4g``; :param gpus: a number; :param gpu_resource: what the cluster
        calls them; :param shm_size: such as ``2g``, default what the run configuration says.
    :param limits: ``vm_size`` asks for a node's worth of the target's ``vm_size`` where ``cpus``, ``memory`` and
        ``gpus`` say nothing; ``none`` does not.
    :param environment: variables, readable by whoever may see pods: no secrets here.
    :param volumes: claims, ``claim:/path[:ro]``.
    :param secrets: what the script gets of the namespace's own secrets: ``VARIABLE=secret/key``, or ``/path=secret``
        for a folder with all of its keys. Only names are in the pod.
    :param labels: :param annotations: more of them.
    :param pod_template_file: on the worker; or :param pod_template: the pod itself. What is not said here comes from
        there; the step's container there is ``base``, as in Airflow.
    :param schedule_seconds: how long a node may take to be found, or made; :param start_seconds: how long the image may
        take to come.
    :param deferrable: whether a step's task leaves its worker while the pod runs, and a trigger waits for it; default
        ``[operators] default_deferrable``. :param poll_seconds: between two looks of that trigger.
    :param output_seconds: between two looks of that trigger at the output, which it hands to the task's log; 0: it
        leaves that to the task.
    :param kept_seconds: how long a step that has ended, and has nobody who waits for it, waits to be collected: by the
        next try after its worker was lost (an hour), or by a task that was deferred (a day).
    :param nodes: of a step on several nodes: ``job`` makes each a pod of an indexed Job; ``one_pod`` runs the processes
        of all in one pod, which has to be as large.
    :param lost_tries: how often a step runs again because its pod was evicted, preempted or lost with its node. The
        task's own retries are for all else.
    :param carry: the most that the files of stores on the worker may have, which are carried to the pod and back.
    """

    kubernetes_conn_id: str | None = None
    config_file: str | None = None
    cluster_context: str | None = None
    in_cluster: bool | None = None
    namespace: str | None = None
    image: str | None = None
    base_image: str | None = None
    base_images: Mapping[str, str] = field(default_factory=dict)
    registry: str | None = None
    build: str = "docker"
    docker_url: str | None = None
    docker_conn_id: str | None = None
    pull: str = "missing"
    image_pull_secrets: tuple[str, ...] = ()
    user: str = "1000:1000"
    service_account: str | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: list[Any] = field(default_factory=list)
    affinity: dict[str, Any] = field(default_factory=dict)
    priority_class: str | None = None
    cpus: float | None = None
    memory: str | None = None
    gpus: int | None = None
    gpu_resource: str = "nvidia.com/gpu"
    shm_size: str | None = None
    limits: str = "vm_size"
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    pod_template_file: str | None = None
    pod_template: dict[str, Any] = field(default_factory=dict)
    schedule_seconds: float = 1800.0
    start_seconds: float = 900.0
    deferrable: bool | None = None
    poll_seconds: float = 5.0
    output_seconds: float = 15.0
    kept_seconds: float | None = None
    nodes: str = "job"
    lost_tries: int = 3
    carry: str = "2g"

    def __post_init__(self) -> None:
        _one_of("pull", self.pull, ("missing", "always", "never"))
        _one_of("limits", self.limits, ("none", "vm_size"))
        _one_of("build", self.build, ("docker", "never"))
        _one_of("nodes", self.nodes, ("job", "one_pod"))
        if self.user != "image" and re.fullmatch(r"\d+(:\d+)?", self.user) is None:
            raise InvalidInput(f"The option user is {self.user!r}", expected="uid:gid in numbers, or image")
        for volume in self.volumes:
            if re.fullmatch(r"[a-z0-9.-]+:/[^:]*(:ro)?", volume) is None:
                raise InvalidInput(f"The volume {volume!r} cannot be read", expected="claim:/path or claim:/path:ro")
        for secret in self.secrets:
            if re.fullmatch(r"[A-Za-z_]\w*=[a-z0-9.-]+/[-._a-zA-Z0-9]+|/[^:=]+=[a-z0-9.-]+", secret) is None:
                raise InvalidInput(
                    f"The secret {secret!r} cannot be read", expected="VARIABLE=secret/key or /path=secret"
                )
        if self.pod_template and self.pod_template_file:
            raise InvalidInput("There are two pod templates", expected="pod_template or pod_template_file")


@dataclass(frozen=True)
class SshOptions:
    """A process on a machine that is reached by SSH.

    :param ssh_conn_id: Airflow connection of type ``ssh``: address, user, password or key, host key.
    :param address: :param port: :param username: in place of the connection's.
    :param python: of the machine, 3.7 or newer: runs the runner, and scripts whose environment names none.
    :param folder: where mlsteps keeps things there, absolute or below the user's home.
    :param environment: variables; no secrets here.
    :param kept_seconds: how long a step that lost its worker and has ended waits for the next try to collect it.
    :param carry: the most that the files of stores on the worker may have, which are carried there and back.
    """

    ssh_conn_id: str | None = None
    address: str | None = None
    port: int | None = None
    username: str | None = None
    python: str = "python3"
    folder: str = ".mlsteps/ssh"
    environment: Mapping[str, str] = field(default_factory=dict)
    kept_seconds: float = 172800.0
    carry: str = "2g"

    def __post_init__(self) -> None:
        if not self.ssh_conn_id and not self.address:
            raise InvalidInput("The kind ssh names no machine", expected="ssh_conn_id, or address")
        if re.fullmatch(r"[\w./@+-]+", self.folder) is None or ".." in self.folder.split("/"):
            raise InvalidInput(f"The option folder is {self.folder!r}", expected="a path of letters, digits and ./@+-_")


KINDS: Mapping[str, type] = {
    "local": LocalOptions,
    "docker": DockerOptions,
    "kubernetes": KubernetesOptions,
    "ssh": SshOptions,
    **dict.fromkeys(("databricks", "synapse", "batch", "kusto"), ServiceOptions),
}
Options = TypeVar("Options")


def options_of(placement: Mapping[str, Any]) -> Any:
    """The options of a placement as an object of its kind's class.

    :raises InvalidInput: for an unknown kind, key or option, or a value that does not fit; says what would.
    """
    unknown = sorted(set(placement) - set(_KEYS))
    if unknown:
        raise InvalidInput(f"A placement says {unknown[0]!r}", expected=f"some of {', '.join(_KEYS)}")
    kind = str(placement.get("kind"))
    if kind not in KINDS:
        raise InvalidInput(f"{placement.get('name')!r} has the kind {kind!r}", expected=f"one of {', '.join(KINDS)}")
    return _made(KINDS[kind], kind, placement.get("options") or {})


def read_option(kind: str, name: str, text: str) -> Any:
    """An option as it was written on a command line: JSON where that fits, a list by commas, a mapping by ``a=b``."""
    known = KINDS.get(kind)
    found = None if known is None else next((item for item in fields(known) if item.name == name), None)
    if found is None:
        return text  # options_of refuses it, and says what there is
    declared = str(found.type)
    if declared.startswith("Mapping"):
        return dict(pair.partition("=")[::2] for pair in text.split(",")) if not text.startswith("{") else _json(text)
    if declared.startswith("tuple"):
        return text.split(",") if not text.startswith("[") else _json(text)
    return text if declared.startswith("str") else _json(text)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _made(kind: type[Options], name: str, given: Mapping[str, Any]) -> Options:
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    values = {}
    for key, value in given.items():
        if key not in known:
            told = ", ".join(known) or "none"
            raise InvalidInput(f"The kind {name!r} has no option {key!r}", expected=f"some of {told}")
        values[key] = _fitting(key, value, str(known[key].type), known[key].default is not MISSING)
        _check_amount(key, values[key])
    return kind(**values)


def _fitting(key: str, value: Any, declared: str, may_be_none: bool) -> Any:
    """The value in the form that its annotation declares."""
    if value is None and may_be_none:
        return None
    check, make, told = _FORMS[declared.partition(" |")[0].partition("[")[0]]
    if not check(value):
        raise InvalidInput(f"The option {key} is {value!r}", expected=told)
    return make(value)


def _check_amount(key: str, value: Any) -> None:
    if value is None:
        return
    if key in _SIZES:
        try:
            size_of(value)
        except InvalidInput as error:
            raise InvalidInput(f"The option {key} is {value!r}", expected=_A_SIZE) from error
    if key in _ABOVE_ZERO and value <= 0:
        raise InvalidInput(f"The option {key} is {value!r}", expected="a number above zero")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(item, (str, int, float)) for item in value.values())


_FORMS: Mapping[str, tuple[Callable[[Any], bool], Callable[[Any], Any], str]] = {
    "str": (lambda value: isinstance(value, str) and value != "", str, "a text"),
    "bool": (lambda value: isinstance(value, bool), bool, "true or false"),
    "int": (lambda value: isinstance(value, int) and not isinstance(value, bool), int, "a whole number"),
    "float": (_is_number, float, "a number"),
    "tuple": (_is_texts, tuple, "a list of texts"),
    "list": (lambda value: isinstance(value, list), list, "a list"),
    "dict": (lambda value: isinstance(value, Mapping), dict, "a mapping"),
    "Mapping": (_is_mapping, lambda value: {str(name): str(item) for name, item in value.items()}, "texts by name"),
}


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidInput(f"The option {name} is {value!r}", expected=f"one of {', '.join(allowed)}")
