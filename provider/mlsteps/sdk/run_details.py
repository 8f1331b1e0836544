"""``Run.get_details``: what is known of a run, under the SDK's keys."""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING, Any, Iterator, Mapping

from mlsteps.errors import UserErrorException

if TYPE_CHECKING:
    from mlsteps.registry.run_state import RunState
    from mlsteps.sdk.run_records import RunRecords
    from mlsteps.sdk.workspace import Workspace

#: Folders of a run's files that hold logs.
LOG_FOLDERS = ("user_logs", "system_logs", "logs", "azureml-logs")
#: What a script writes to its standard output and error.
SCRIPT_LOG = "user_logs/std_log.txt"


def details(run: RunRecords) -> dict[str, Any]:
    """See :meth:`Run.get_details`."""
    runs = run._runs()
    head, state = runs.head(run.id) or {}, run._told_state()
    found: dict[str, Any] = {
        "runId": run.id,
        "target": (head.get("compute") or {}).get("name") or head.get("target") or "local",
        "status": run._current_status(state),
        "startTimeUtc": utc(state.started),
        "endTimeUtc": utc(state.ended),
        "properties": {key: str(value) for key, value in state.properties.items()},
        "inputDatasets": list(_inputs(run.experiment.workspace, state)),
        "outputDatasets": list(_outputs(run.experiment.workspace, state)),
        "runDefinition": head.get("definition"),
        "logFiles": log_files(run),
        "submittedBy": head.get("submitted_by", ""),
        "error": _error(state),
    }
    return {key: value for key, value in found.items() if value is not None}


def log_files(run: RunRecords) -> dict[str, str]:
    """Addresses of the run's logs by name."""
    names = [name for name in run.get_file_names() if name.split("/")[0] in LOG_FOLDERS]
    return {name: run._reading(name).url_of(name) for name in names}


def download_logs(run: RunRecords, destination: str | None) -> list[str]:
    """Bring the run's logs below a folder (default one named by the run's id); returns their paths."""
    folder = destination or run.id
    paths = []
    for name in log_files(run):
        target = os.path.join(folder, *name.split("/"))
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        run._reading(name).get_file(name, target)
        paths.append(target)
    return paths


def utc(seconds: float | None) -> str | None:
    """Seconds since the epoch as the service writes times: ``2024-05-01T12:00:00.000000Z``."""
    if seconds is None:
        return None
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def error_message(state: RunState) -> str:
    """The error of a failed run as text, empty when it has none."""
    error = state.error
    if isinstance(error, Mapping):
        parts = [str(error[key]) for key in ("message", "tail") if error.get(key)]
        return "\n".join(parts)
    return "" if error is None else str(error)


def _error(state: RunState) -> dict[str, Any] | None:
    if state.status != "Failed":
        return None
    error = state.error if isinstance(state.error, Mapping) else {}
    code = error.get("code") or ("ServiceError" if error.get("category") == "infrastructure" else "UserError")
    return {"error": {"code": code, "message": error_message(state), "details": []}}


def _inputs(workspace: Workspace, state: RunState) -> Iterator[dict[str, Any]]:
    for name, document in state.inputs.items():
        if document.get("kind") not in ("file", "tabular"):
            continue
        mechanism = str(document.get("mode") or "direct").capitalize()
        details = {"type": "RunInput", "inputName": name, "mechanism": mechanism}
        if document.get("path_on_compute"):
            details["pathOnCompute"] = document["path_on_compute"]
        yield {"dataset": dataset_of_document(workspace, document), "consumptionDetails": details}


def _outputs(workspace: Workspace, state: RunState) -> Iterator[dict[str, Any]]:
    for name, document in state.outputs.items():
        if document.get("kind", "pipeline_data") == "pipeline_data":
            continue
        dataset = dataset_of_document(workspace, document)
        yield {
            "identifier": {"savedId": dataset.id},
            "outputType": "RunOutput",
            "outputDetails": {"outputName": name},
            "dataset": dataset,
        }


def dataset_of_document(workspace: Workspace, document: Mapping[str, Any]) -> Any:
    """The Dataset that a run's input or output is.

    :param document: of an input (``InputSpec``) or an output (``OutputRecord``), as JSON data.
    """
    from mlsteps.contracts.dataset import dataset_id, file_definition
    from mlsteps.sdk.abstract_dataset import dataset_of
    from mlsteps.sdk.dataset import Dataset

    named = document.get("dataset") or {}
    definition = document.get("definition")
    if named.get("name") and named.get("version"):
        try:
            return Dataset.get_by_name(workspace, named["name"], named["version"])
        except UserErrorException:
            pass  # unregistered since: its definition still says what it was
    if definition is None and "path" in document:
        definition = file_definition(document["datastore"], document["path"])
    identity = document.get("dataset_id") or named.get("id")
    if definition is None:
        return Dataset.get_by_id(workspace, str(identity))
    return dataset_of(definition, workspace, {"id": identity or dataset_id(definition)})
