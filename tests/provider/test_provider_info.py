"""What Airflow reads about this provider."""

from __future__ import annotations

import json
from importlib import import_module, resources

import pytest

from mlsteps.get_provider_info import get_provider_info


def loaded(path: str):
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_it_fits_airflows_own_schema() -> None:
    import jsonschema

    schema = json.loads(resources.files("airflow").joinpath("provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)
    assert set(get_provider_info()) <= set(schema["properties"])


def test_everything_it_names_exists() -> None:
    info = get_provider_info()
    for group in ("operators", "hooks"):
        for module in info[group][0]["python-modules"]:
            import_module(module)
    for path in (*info["extra-links"], *info["cli"], info["connection-types"][0]["hook-class-name"]):
        assert callable(loaded(path))


def test_airflow_shows_the_connection_form_without_importing_the_hook() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert "airflow-provider-mlsteps" in manager.providers
    manager.initialize_providers_hooks()
    fields = {name for name in manager.connection_form_widgets if name.startswith("extra__mlsteps__")}
    names = ("workspace_name", "root", "root_conn_id", "subscription_id", "resource_group", "location", "airflow_url")
    assert fields == {f"extra__mlsteps__{name}" for name in names}
    assert "mlsteps" in manager.field_behaviours


def test_airflow_knows_the_links_and_commands() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert {"mlsteps.operators.links.OutputsLink", "mlsteps.operators.links.SourceRunLink"} <= set(
        manager.extra_links_class_names
    )
    (group,) = loaded(get_provider_info()["cli"][0])()
    assert group.name == "mlsteps"
    assert {command.name for command in group.subcommands} >= {"plan", "explain", "workspace"}


def test_settings_have_the_defaults_that_are_documented() -> None:
    from mlsteps.operators.settings import may_defer, setting

    options = get_provider_info()["config"]["mlsteps"]["options"]
    numbers = {name: float(item["default"]) for name, item in options.items() if item["type"] != "boolean"}
    assert {name: setting(name) for name in numbers} == numbers
    assert set(options) - set(numbers) == {"has_triggerer"} and options["has_triggerer"]["default"] == "True"
    assert may_defer(True) is True and may_defer(False) is may_defer(None) is False


def test_the_plugin_is_one_to_airflow() -> None:
    from airflow.plugins_manager import get_plugin_info

    (found,) = [plugin for plugin in get_plugin_info() if plugin["name"] == "mlsteps"]
    assert any("OutputsLink" in str(link) for link in found["operator_extra_links"])


@pytest.mark.parametrize("run_id", ["manual__2026-01-01T00:00:00+00:00", "a b/c"])
def test_addresses_in_the_ui_hold_any_run_id(run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlsteps.operators.links import task_address

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://host/prefix/")
    address = task_address("dag", run_id, "task")
    assert address.startswith("http://host/prefix/dags/dag/runs/") and address.endswith("/tasks/task")
    assert address.count("/") == "http://host/prefix/dags/dag/runs/x/tasks/task".count("/")
