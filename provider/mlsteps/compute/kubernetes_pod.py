"""The pod of a step, as a plain document: what the API is sent, and what its tests compare.

It holds nothing of the step itself, neither spec nor credentials: these come in when it runs, by ``exec``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from mlsteps.compute import inside, keeper
from mlsteps.compute.asked import GIB, Limits, asked_for, handed_on, size_of
from mlsteps.compute.placement import KubernetesOptions
from mlsteps.compute.vm_sizes import Resources
from mlsteps.contracts.spec import StepSpec

#: The step's container; Airflow's name for it, so that pod templates made for Airflow fit.
CONTAINER = "base"
#: Labels, and annotations where a value need not fit into a label.
RUN, PIPELINE, TASK, CONTENT = "mlsteps/run-id", "mlsteps/pipeline-run-id", "mlsteps/task", "mlsteps/content"
MANAGED = "app.kubernetes.io/managed-by"
STEP, EXPERIMENT, WORKSPACE = "mlsteps/step", "mlsteps/experiment", "mlsteps/workspace"
#: Seconds in which a pod that was brought up has to be told what to run.
_WAIT = 600
#: Seconds that a pod which is deleted has to end its script, say so, and have its answer taken.
GRACE = 60
#: What a node keeps for itself: a pod that wanted all of a VM size would fit on no node of that size.
_CPU_SHARE, _MEMORY_SHARE = 0.9, 0.75
#: Runs the text that comes next; an old Python cannot even read it.
_BOOT = (
    "import sys\n"
    "if sys.version_info < (3, 7): sys.exit('mlsteps needs Python 3.7 or newer; this is ' + sys.version.split()[0])\n"
    "exec(sys.argv[1])"
)
#: What is said by :data:`_BOOT`.
TOO_OLD = "mlsteps needs Python 3.7 or newer"


class Asked(NamedTuple):
    """What the pod is for, beside the compute target's options."""

    spec: StepSpec
    image: str
    python: str
    size: Resources | None
    docker: Mapping[str, Any]
    roots: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    kept: float = 3600.0


def pod(options: KubernetesOptions, asked: Asked, name: str, namespace: str | None = None) -> dict[str, Any]:
    """The pod's document.

    :param asked: ``roots`` are the folders of local stores, which the step finds at their paths; ``kept`` are the
        seconds that it waits to be collected.
    """
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE,
        "enableServiceLinks": False,
        "automountServiceAccountToken": options.service_account is not None,
        "containers": [_container(options, asked)],
        "volumes": _volumes(options, asked),
        "securityContext": _pod_security(options),
    }
    more = {
        "serviceAccountName": options.service_account,
        "imagePullSecrets": [{"name": item} for item in options.image_pull_secrets],
        "nodeSelector": dict(options.node_selector),
        "tolerations": list(options.tolerations),
        "affinity": dict(options.affinity),
        "priorityClassName": options.priority_class,
    }
    spec.update({key: value for key, value in more.items() if value})
    metadata = {"name": name, "labels": labels(options, asked), "annotations": remarks(options, asked)}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def labels(options: KubernetesOptions, asked: Asked) -> dict[str, str]:
    """What finds the pod: the run, and the task whatever its try."""
    spec = asked.spec
    own = {RUN: spec.run_id, PIPELINE: spec.pipeline_run_id, STEP: label(spec.step_name), **asked.labels}
    return {**options.labels, MANAGED: "mlsteps", **own}


def remarks(options: KubernetesOptions, asked: Asked) -> dict[str, str]:
    """For people; ``safe-to-evict`` asks the cluster's autoscaler not to take the node away under a step."""
    spec = asked.spec
    named = {STEP: spec.step_name, EXPERIMENT: spec.experiment, WORKSPACE: str(spec.workspace.get("name") or "")}
    return {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", **named, **options.annotations}


def label(text: str) -> str:
    """A text as a label's value, which may be short and plain."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-_.")


def new_name(spec: StepSpec) -> str:
    """A new name that tells a person which step this is. What finds a pod are its labels."""
    step = label(spec.step_name).lower().replace("_", "-").replace(".", "-").strip("-")[:30] or "step"
    return f"mlsteps-{step}-{spec.run_id[:8]}-{uuid.uuid4().hex[:6]}"


def _container(options: KubernetesOptions, asked: Asked) -> dict[str, Any]:
    limits, _ = asked_for(asked.docker)
    pull = {"missing": "IfNotPresent", "always": "Always", "never": "Never"}[options.pull]
    kept = asked.kept if options.kept_seconds is None else options.kept_seconds
    return {
        "name": CONTAINER,
        "image": asked.image,
        "imagePullPolicy": pull,
        "command": [asked.python, "-I", "-c", _BOOT, _text(), "keep", str(_WAIT), f"{kept:g}"],
        "workingDir": "/",
        "env": [
            *({"name": name, "value": value} for name, value in _variables(options, limits).items()),
            *_secret_variables(options),
        ],
        "resources": resources(options, limits, asked.size),
        "volumeMounts": _mounts(options, asked, limits),
        "securityContext": _security(options),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


@cache
def _text() -> str:
    with open(keeper.__file__, encoding="utf-8") as file:
        return file.read()


def _variables(options: KubernetesOptions, limits: Limits) -> dict[str, str]:
    """Anyone who may see the pod reads them: there are no secrets among them."""
    home = {"HOME": inside.HOME, "USER": "mlsteps", "LOGNAME": "mlsteps"} if options.user != "image" else {}
    return {**home, **handed_on(), **limits.variables, **options.environment, "MLSTEPS_HOME": inside.HOME}


def _secret_variables(options: KubernetesOptions) -> Iterable[dict[str, Any]]:
    for name, place in (text.split("=") for text in options.secrets):
        if not name.startswith("/"):
            secret, _, key = place.partition("/")
            yield {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _secret_folders(options: KubernetesOptions) -> list[tuple[str, str]]:
    """Path and name of each."""
    pairs = [text.split("=") for text in options.secrets]
    return [(name, secret) for name, secret in pairs if name.startswith("/")]


def resources(options: KubernetesOptions, docker: Limits, size: Resources | None) -> dict[str, Any]:
    """Requests and limits: the target's own options first, then the run configuration's, then the VM size."""
    by_size = size if options.limits == "vm_size" else None
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    cpus = options.cpus or docker.cpus
    if cpus or by_size:
        requests["cpu"] = _cpus(cpus or by_size.cores * _CPU_SHARE)  # type: ignore[union-attr]
    memory = docker.memory if options.memory is None else size_of(options.memory)
    if memory:
        requests["memory"] = limits["memory"] = _memory(memory)
    elif by_size:
        requests["memory"] = _memory(int(by_size.memory * _MEMORY_SHARE * GIB))
        limits["memory"] = _memory(int(by_size.memory * GIB))
    gpus = docker.gpus if options.gpus is None else options.gpus
    gpus = (by_size.gpus if by_size else 0) if gpus is None or gpus < 0 else gpus
    if gpus:
        limits[options.gpu_resource] = str(gpus)
    return {key: value for key, value in (("requests", requests), ("limits", limits)) if value}


def _cpus(number: float) -> str:
    return f"{round(number * 1000)}m"


def _memory(count: int) -> str:
    return f"{count >> 20}Mi" if count >= 1 << 20 else str(count)


def _volumes(options: KubernetesOptions, asked: Asked) -> list[dict[str, Any]]:
    limits, _ = asked_for(asked.docker)
    found: list[dict[str, Any]] = [{"name": "mlsteps", "emptyDir": {}}]
    found += [{"name": f"root-{number}", "emptyDir": {}} for number, _ in enumerate(asked.roots)]
    shm = options.shm_size or limits.shm_size
    if shm:
        found.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": _memory(size_of(shm))}})
    for number, (claim, _, read_only) in enumerate(_claims(options)):
        source = {"claimName": claim, **({"readOnly": True} if read_only else {})}
        found.append({"name": f"claim-{number}", "persistentVolumeClaim": source})
    for number, (_, secret) in enumerate(_secret_folders(options)):
        found.append({"name": f"secret-{number}", "secret": {"secretName": secret}})
    return found


def _mounts(options: KubernetesOptions, asked: Asked, limits: Limits) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"name": "mlsteps", "mountPath": inside.ROOT}]
    found += [{"name": f"root-{number}", "mountPath": root} for number, root in enumerate(asked.roots)]
    if options.shm_size or limits.shm_size:
        found.append({"name": "shm", "mountPath": "/dev/shm"})
    for number, (_, path, read_only) in enumerate(_claims(options)):
        mount = {"name": f"claim-{number}", "mountPath": path}
        found.append({**mount, "readOnly": True} if read_only else mount)
    for number, (path, _) in enumerate(_secret_folders(options)):
        found.append({"name": f"secret-{number}", "mountPath": path, "readOnly": True})
    return found


def _claims(options: KubernetesOptions) -> Iterable[tuple[str, str, bool]]:
    for text in options.volumes:
        claim, path, *mode = text.split(":")
        yield claim, path, mode == ["ro"]


def _pod_security(options: KubernetesOptions) -> dict[str, Any]:
    kept: dict[str, Any] = {"seccompProfile": {"type": "RuntimeDefault"}}
    if options.user == "image":
        return kept
    user, _, group = options.user.partition(":")
    ids = {"runAsUser": int(user), "runAsGroup": int(group or user), "fsGroup": int(group or user)}
    return {**kept, **ids, **({"runAsNonRoot": True} if int(user) else {})}


def _security(options: KubernetesOptions) -> dict[str, Any]:
    held: dict[str, Any] = {"allowPrivilegeEscalation": False}
    is_root = options.user == "image" or options.user.partition(":")[0] == "0"  # and may count on being so
    return held if is_root else {**held, "capabilities": {"drop": ["ALL"]}}
