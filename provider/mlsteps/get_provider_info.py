"""What Airflow's provider manager reads about this package."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": ["string", "null"]}
_LINKS = ["OutputsLink", "SourceRunLink", "TriggeredRunLink"]
_OPERATOR_MODULES = ["step", "plan", "python_script", "command", "function", "data_transfer", "schedule"]


def get_provider_info() -> dict[str, Any]:
    """Name, connection type, links, configuration and commands, as ``airflow/provider_info.schema.json`` wants them."""
    return {
        "package-name": "airflow-provider-mlsteps",
        "name": "mlsteps",
        "description": "Run Azure Machine Learning SDK v1 pipelines on Apache Airflow.",
        "integrations": [
            {
                "integration-name": "Azure Machine Learning SDK v1",
                "external-doc-url": "https://learn.microsoft.com/python/api/overview/azure/ml/",
                "tags": ["azure", "machine-learning"],
            }
        ],
        "operators": [_of_integration("python-modules", [f"mlsteps.operators.{name}" for name in _OPERATOR_MODULES])],
        "task-decorators": [{"name": "mlsteps", "class-name": "mlsteps.operators.function.mlsteps_task"}],
        "triggers": [_of_integration("python-modules", ["mlsteps.triggers.datastore", "mlsteps.triggers.pod"])],
        "hooks": [_of_integration("python-modules", ["mlsteps.hooks.mlsteps"])],
        "filesystems": [f"mlsteps.hooks.fs_{name}" for name in ("azure", "s3", "gcs", "smb")],
        "connection-types": [_connection_type()],
        "extra-links": [f"mlsteps.operators.links.{name}" for name in _LINKS],
        "asset-uris": [{"schemes": ["mlsteps"], "handler": None}],
        "cli": ["mlsteps.cli.definition.get_cli_commands"],
        "config": {"mlsteps": {"description": "Azure ML SDK v1 pipelines on Airflow.", "options": _options()}},
    }


def _of_integration(key: str, modules: list[str]) -> dict[str, Any]:
    return {"integration-name": "Azure Machine Learning SDK v1", key: modules}


def _connection_type() -> dict[str, Any]:
    return {
        "connection-type": "mlsteps",
        "hook-class-name": "mlsteps.hooks.mlsteps.MlstepsHook",
        "hook-name": "mlsteps workspace",
        "conn-fields": {
            "workspace_name": _field("Workspace name", "Empty: the connection's id without its prefix `mlsteps_`."),
            "root": _field("Root", "Where the workspace lies: a path or any fsspec URL. Empty: on this machine."),
            "root_conn_id": _field(
                "Root connection", "Connection whose credentials open the root. Empty: none needed."
            ),
            "subscription_id": _field("Subscription id", "What Workspace.subscription_id says. Any text."),
            "resource_group": _field("Resource group", "What Workspace.resource_group says. Any text."),
            "location": _field("Location", "What Workspace.location says. Any text."),
            "airflow_url": _field("Airflow URL", "Address of the Airflow that Experiment.submit hands pipelines to."),
        },
        "ui-field-behaviour": {
            "hidden-fields": ["host", "port", "schema", "extra"],
            "relabeling": {"login": "Airflow user", "password": "Airflow password or token"},
            "placeholders": {"root": "/data/workspaces/my-workspace"},
        },
    }


def _field(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": _TEXT}


def _options() -> dict[str, Any]:
    return {
        "planted_steps": {
            "description": (
                "Up to this many reused steps of a run, `plan` also writes each step's XComs (its outputs and links), "
                "so that the UI shows them on the skipped task. Beyond it they are in plan's own XCom only. "
                "Each step costs one to three requests."
            ),
            "version_added": "0.1.0",
            "type": "integer",
            "example": None,
            "default": "50",
        },
        "watch_seconds": {
            "description": "How often a running step looks whether its pipeline run was cancelled or has failed.",
            "version_added": "0.1.0",
            "type": "float",
            "example": None,
            "default": "5.0",
        },
        "wait_seconds": {
            "description": (
                "How long a step that waits for another run's equal step gives up its slot before it looks again."
            ),
            "version_added": "0.1.0",
            "type": "float",
            "example": None,
            "default": "10.0",
        },
        "retries": {
            "description": (
                "How often a step of a submitted or published pipeline is tried again when its worker was lost or a "
                "store did not answer. A script that fails is not, as in the SDK."
            ),
            "version_added": "0.1.0",
            "type": "integer",
            "example": None,
            "default": "2",
        },
        "retry_seconds": {
            "description": "Seconds before each of these tries.",
            "version_added": "0.1.0",
            "type": "float",
            "example": None,
            "default": "30.0",
        },
        "has_triggerer": {
            "description": "Off: no task of a step is deferred, whatever asks for it: there is no triggerer.",
            "version_added": "0.1.0",
            "type": "boolean",
            "example": None,
            "default": "True",
        },
    }
