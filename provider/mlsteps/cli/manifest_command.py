"""``airflow mlsteps compute manifest``: what the cluster of a compute target is sent, to be looked at or tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsteps.cli.shared import command, reference
from mlsteps.compute import kubernetes_job, kubernetes_left, kubernetes_pod
from mlsteps.compute.choose import placement_of, size_of_target
from mlsteps.compute.kubernetes_start import with_template
from mlsteps.compute.placement import KubernetesOptions, options_of
from mlsteps.contracts.spec import StepSpec
from mlsteps.environments.image import BASE_IMAGE
from mlsteps.errors import UserErrorException
from mlsteps.registry.workspaces import open_workspace

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.storage.workspace_store import WorkspaceStore

_NONE = "00000000-0000-0000-0000-000000000000"


@command
def compute_manifest(args: Namespace) -> None:
    """Print the pod of a step on a compute target; with several nodes, the Service and the Job."""
    import yaml

    ws = open_workspace(reference(args.workspace))
    try:
        documents = manifests(ws, args.name, nodes=args.nodes, image=args.image)
    except UserErrorException as error:
        raise SystemExit(str(error)) from error
    print(yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True), end="")


def manifests(ws: WorkspaceStore, name: str, *, nodes: int, image: str | None) -> list[dict[str, Any]]:
    """The documents for a step that does nothing.

    :raises SystemExit: for a target of another kind.
    """
    placement = placement_of(ws, name)
    options = options_of(placement)
    if not isinstance(options, KubernetesOptions):
        raise SystemExit(f"Steps of {name!r} do not run in pods: its kind is {placement['kind']}.")
    spec = StepSpec(_NONE, _NONE, "example", "example", {"name": ""}, (), "python", "/mlsteps/work")
    asked = kubernetes_pod.Asked(
        spec,
        image or options.image or options.base_image or BASE_IMAGE.format(python="3.11"),
        "python",
        size_of_target(ws, name),
        {},
        labels=kubernetes_left.labels("example", "example"),
    )
    pod = with_template(options, kubernetes_pod.pod(options, asked, "mlsteps-example", options.namespace))
    return [pod] if nodes == 1 else [kubernetes_job.service(pod), kubernetes_job.job(pod, nodes)]
