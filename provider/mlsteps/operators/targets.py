"""Where a step runs, and the credentials that go with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.contracts.spec import StepSpec
from mlsteps.errors import AzureMLException, InvalidInput, UserErrorException
from mlsteps.operators.specification import has_process
from mlsteps.registry.credentials import load_credentials, variable_of
from mlsteps.registry.documents import get_datastore

if TYPE_CHECKING:
    from mlsteps.compute.base import Target
    from mlsteps.storage.workspace_store import WorkspaceStore


def target_for(node: StepNode, ws: WorkspaceStore, parameters: Mapping[str, Any] | None = None) -> Target:
    """The target of one attempt at a step: of the kind that the workspace gives its compute target (``placements/``).

    :param parameters: values of the pipeline's parameters.
    :raises InvalidInput: when the workspace says something of it that cannot be.
    """
    from mlsteps.compute.choose import choose
    from mlsteps.compute.local import LocalTarget
    from mlsteps.services.kinds import is_service_step

    if is_service_step(node):
        from mlsteps.services.choose import service_target

        return service_target(node, ws)
    if node.payload.get("source_sql") or node.payload.get("destination_sql"):
        from mlsteps.operators.sql_transfer import SqlTransfer

        return SqlTransfer(node.id)
    if node.type == "DataTransfer":  # its compute is a data factory, which here is the worker itself
        return LocalTarget()
    return choose(ws, node.compute.get("name"), node.settings, parameters=parameters)


def refuse_nodes(
    nodes: Iterable[StepNode], ws: WorkspaceStore, parameters: Mapping[str, Any], report: Callable[[str], None]
) -> None:
    """Before anything of a pipeline runs: whether steps on several nodes can run where their compute targets are.

    :param report: told what could not be asked from here; the steps themselves ask again.
    :raises InvalidInput: naming the step.
    """
    from mlsteps.compute.choose import check_nodes

    for node in nodes:
        if not node.settings.get("communicator"):
            continue
        try:
            check_nodes(ws, node.compute.get("name"), node.settings, parameters)
        except InvalidInput as error:
            raise InvalidInput(f"Step {node.name!r}: {error}") from error
        except AzureMLException as error:
            report(f"Step {node.name!r}: {error}")


def prepare(
    target: Target,
    node: StepNode,
    environment: Mapping[str, Any] | None,
    ws: WorkspaceStore,
    report: Callable[[str], None],
) -> str:
    """Python of the step's environment on its target; "" for a step that copies data, or that a service runs."""
    from mlsteps.environments.wheels import brought

    return target.prepare(brought(environment, ws), report) if has_process(node) else ""


def credentials_for(ws: WorkspaceStore, spec: StepSpec) -> dict[str, Any]:
    """``{"datastores": {name: options}, "workspace": options}``: what the runner needs to open the stores of a step.

    Those of the datastores that its inputs and outputs name, and of the workspace's default one, which scripts open by
    themselves. Handed to the runner on its standard input; every secret is masked in logs by its value.

    :raises UserErrorException: naming the connection that a datastore names and nothing knows.
    """
    found = {name: _credentials(f"Datastore {name!r}", document) for name, document in spec.datastores.items()}
    default = get_datastore(ws)
    if default["name"] not in found:
        found[default["name"]] = _known(default.get("connection"))
    whole: dict[str, Any] = {"datastores": {name: options for name, options in found.items() if options}}
    if ws.connection:
        whole["workspace"] = _credentials("The workspace's root", {"connection": ws.connection})
    return whole


def _known(conn_id: str | None) -> dict[str, Any] | None:
    from mlsteps.hooks.connections import mask

    options = load_credentials(conn_id)
    mask(options or {})
    return options


def _credentials(what: str, document: Mapping[str, Any]) -> dict[str, Any] | None:
    conn_id = document.get("connection")
    options = _known(conn_id)
    if conn_id and options is None:
        raise UserErrorException(
            f"{what} names the connection {conn_id!r}, which does not exist. Add it to Airflow "
            f"(airflow connections add {conn_id} ..., a secrets backend, or the variable {variable_of(conn_id)}), or "
            "register the datastore again in the script that submits the pipeline."
        )
    return options
