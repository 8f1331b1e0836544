"""Which of the three a name is."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from mlsteps.compatibility import names, source, status
from mlsteps.compatibility.facts import load
from mlsteps.errors import UnsupportedFeature
from mlsteps.sdk.steps.not_run import NOT_RUN

WORKSPACE = "azureml.core.workspace.Workspace"


def state(path: str, member: str | None = None, parameter: str | None = None) -> str | None:
    if parameter is not None:
        found = status.of_parameter(path, member, parameter)
    else:
        found = status.of(path) if member is None else status.of_member(path, member)
    return None if found is None else found.state


@pytest.mark.parametrize(
    ("path", "member", "expected"),
    [
        ("azureml.core.Workspace", None, "supported"),
        ("azureml.core.VERSION", None, "supported"),
        ("azureml.core.run.get_run", None, "supported"),
        ("azureml.train.automl.AutoMLConfig", None, "refused"),
        ("azureml.opendatasets.MNIST", None, "refused"),
        ("azureml._common.exceptions.AzureMLAggregatedException", None, "ignored"),
        ("azureml.pipeline.steps.AdlaStep", None, "refused"),
        ("azureml.core.Nothing", None, None),
        (WORKSPACE, "from_config", "supported"),
        (WORKSPACE, "compute_targets", "supported"),
        (WORKSPACE, "sync_keys", "ignored"),
        (WORKSPACE, "list_keys", "refused"),
        (WORKSPACE, "set_connection", "refused"),
        (WORKSPACE, "no_such_method", None),
        ("azureml.core.Dataset", "get_by_name", "supported"),
        ("azureml.core.Dataset", "from_delimited_files", "refused"),
        ("azureml.core.Dataset", "to_pandas_dataframe", "refused"),
        ("azureml.core.model.Model", "deploy", "refused"),
        ("azureml.core.model.Model", "version", "supported"),
        ("azureml.pipeline.core.PipelineRun", "complete", "refused"),
        ("azureml.core.environment.DockerSection", "never_heard_of", "ignored"),
        ("azureml.train.hyperdrive.PrimaryMetricGoal", "MAXIMIZE", state("azureml.train.hyperdrive.PrimaryMetricGoal")),
    ],
)
def test_names_and_members(path: str, member: str | None, expected: str | None) -> None:
    assert state(path, member) == expected


@pytest.mark.parametrize(
    ("path", "member", "parameter", "expected"),
    [
        ("azureml.pipeline.steps.PythonScriptStep", None, "script_name", "supported"),
        ("azureml.pipeline.steps.PythonScriptStep", None, "target", "supported"),
        ("azureml.pipeline.steps.PythonScriptStep", None, "hash_paths", "ignored"),
        ("azureml.core.compute.ComputeTarget", None, "workspace", "supported"),
        ("azureml.core.conda_dependencies.CondaDependencies", "create", "pin_sdk_version", "ignored"),
        ("azureml.core.conda_dependencies.CondaDependencies", "create", "pip_packages", "supported"),
        ("azureml.core.conda_dependencies.CondaDependencies", "create", "pip_package", None),
        ("azureml.core.environment.Environment", "get", "label", "refused"),
    ],
)
def test_parameters(path: str, member: str | None, parameter: str, expected: str | None) -> None:
    assert state(path, member, parameter) == expected


def test_every_public_name_of_the_facts_has_a_state() -> None:
    silent = []
    for path in [*load().classes, *load().functions]:
        if status.of(path) is None:
            silent.append(path)
        elif path in load().classes:
            silent += [f"{path}.{name}" for name in status.members(path) if status.of_member(path, name) is None]
    assert silent == []


def test_all_that_is_not_supported_says_why() -> None:
    rows = list(status.table())
    assert [row.name for row in rows if row.state != "supported" and not row.reason] == []
    unexplained = [row.name for row in rows if row.reason == status.UNEXPLAINED]
    assert unexplained == [], "the code reads none of these parameters: say why in reasons.json, or let it read them"


def test_what_is_refused_by_its_code_raises_the_reason_given() -> None:
    from mlsteps.sdk.model import Model

    told = status.of_member("azureml.core.model.Model", "deploy")
    assert told is not None
    with pytest.raises(UnsupportedFeature) as caught:
        Model.deploy(None, "name", [])
    assert (caught.value.reason, caught.value.alternative) == (told.reason, told.alternative)


def test_a_step_type_that_nothing_runs_is_refused() -> None:
    from mlsteps.sdk.steps.base import PipelineStep
    from mlsteps.sdk.surface.supported import SUPPORTED

    steps = {name: names.target(f"azureml.pipeline.steps.{name}") for name in SUPPORTED["azureml.pipeline.steps"]}
    not_run = {name for name, cls in steps.items() if issubclass(cls, PipelineStep) and cls.node_type in NOT_RUN}
    assert not NOT_RUN or not_run
    assert {state(f"azureml.pipeline.steps.{name}") for name in not_run} <= {"refused"}
    assert state("azureml.pipeline.steps.PythonScriptStep") == "supported"


def test_hand_written_reasons_name_what_is_there() -> None:
    shorts = {names.short(path) for path in status.catalogue()}
    stale = []
    for key in [*status.reasons().ignored, *status.reasons().refused, *status.reasons().extended]:
        head = key.split("(")[0].split(".")[0]
        if head != "*" and head not in shorts:
            stale.append(key)
    assert stale == []


def test_hand_written_reasons_are_needed() -> None:
    """Those for a parameter wherever no code reads it may wait for their first use."""
    used = {row.reason for row in status.table() if row.state == "ignored"}
    reasons = {key: why for key, why in status.reasons().ignored.items() if not key.startswith("*")}
    assert {key: why for key, why in reasons.items() if why not in used} == {}


def test_the_facts_are_small_and_hold_names_only() -> None:
    text = resources.files("mlsteps.compatibility").joinpath("api.json").read_text()
    assert len(text) < 150_000
    assert set(json.loads(text)) == {"about", "functions", "classes"}


def refuses_at_once(workspace: object, name: str) -> None:
    raise UnsupportedFeature("it", f"{name} has no such thing", "another")


def refuses_sometimes(name: str) -> None:
    if name:
        raise UnsupportedFeature("it", "reason", "another")


def test_functions_outside_mlsteps_are_not_judged() -> None:
    assert source.refusal_of(refuses_at_once) is None  # type: ignore[arg-type]
    assert source.refusal_of(refuses_sometimes) is None  # type: ignore[arg-type]


def test_a_refusal_under_a_condition_is_none() -> None:
    from mlsteps.sdk.environment import Environment

    function = source.unwrap(Environment.get)
    assert function is not None and source.refusal_of(function) is None
