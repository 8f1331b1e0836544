"""What a job is told: its parameters as text, its inputs and outputs as the URLs that its service reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlsteps.contracts import arguments
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepSpec
from mlsteps.errors import InvalidInput

#: Called with a datastore's document and a path in it.
Locate = Callable[[Mapping[str, Any], str], str]


class Values:
    """The values of one attempt.

    :param locate: how the service names a place in a datastore.
    """

    def __init__(self, spec: StepSpec, locate: Locate) -> None:
        self._spec = spec
        self._locate = locate
        self.inputs = {item.name: self._of_input(item) for item in spec.inputs}
        self.outputs = {item.name: self._of_output(item) for item in spec.outputs}

    @property
    def ports(self) -> dict[str, str]:
        """The places of all inputs and outputs by name."""
        return {**self.inputs, **self.outputs}

    def filled(self, data: Any) -> Any:
        """Plain data with the references in it (:mod:`mlsteps.contracts.arguments`) as what they stand for."""
        if isinstance(data, Mapping):
            if set(data) & {"parameter", "input", "output", "join"} and len(data) == 1:
                return arguments.resolve(data, self._look_up)
            return {key: self.filled(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.filled(item) for item in data]
        return data

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Arguments of a command line."""
        return [arguments.resolve(item, self._look_up) for item in items]

    def identity(self) -> dict[str, str]:
        """What the SDK tells a job of the run it belongs to; no token, as there is no service to take it."""
        workspace = self._spec.workspace
        return {
            "AZUREML_RUN_ID": self._spec.run_id,
            "AZUREML_ARM_SUBSCRIPTION": arguments.text(workspace.get("subscription_id")),
            "AZUREML_ARM_RESOURCEGROUP": arguments.text(workspace.get("resource_group")),
            "AZUREML_ARM_WORKSPACE_NAME": arguments.text(workspace.get("name")),
            "AZUREML_ARM_PROJECT_NAME": self._spec.experiment,
            "AZUREML_WORKSPACE_ID": arguments.text(workspace.get("id")),
        }

    def _look_up(self, kind: str, name: str) -> Any:
        known: Mapping[str, Mapping[str, Any]] = {
            "input": self.inputs,
            "output": self.outputs,
            "parameter": self._spec.parameters,
        }
        if name not in known.get(kind, {}):
            raise InvalidInput(f"An argument refers to {kind} {name!r}", expected=f"of {sorted(known.get(kind, {}))}")
        return known[kind][name]

    def _of_input(self, item: InputSpec) -> str:
        place = place_of(item)
        return self._locate(self._spec.datastores[place["datastore"]], place.get("path", ""))

    def _of_output(self, item: OutputSpec) -> str:
        return self._locate(self._spec.datastores[item.datastore], item.path)


def place_of(item: InputSpec) -> Mapping[str, Any]:
    """``{"datastore":, "path":}`` of an input that is one place.

    :raises InvalidInput: for several, a web address, or a query.
    """
    paths = item.definition.get("paths") or []
    if len(paths) == 1 and paths[0].get("datastore"):
        place: Mapping[str, Any] = paths[0]
        return place
    raise InvalidInput(
        f"Input {item.name!r} is {len(paths)} places, or none in a datastore",
        expected="one path in a datastore, which the service reads by itself",
        mend="give a DataReference, a PipelineData, or a dataset of one folder",
    )
