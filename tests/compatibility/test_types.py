"""What calls and attributes give."""

from __future__ import annotations

import pytest

from mlsteps.compatibility import status, types
from mlsteps.compatibility.facts import load
from mlsteps.compatibility.names import short


@pytest.mark.parametrize(
    ("path", "member", "kind", "expected"),
    [
        ("azureml.core.Workspace", "from_config", "object", "Workspace"),
        ("azureml.core.Workspace", "get_default_datastore", "object", "AbstractDatastore"),
        ("azureml.core.Run", "get_context", "object", "_SubmittedRun"),
        ("azureml.core.Experiment", "submit", "object", "Run"),
        ("azureml.core.Run", "get_children", "many", "Run"),
        ("azureml.pipeline.core.PipelineRun", "find_step_run", "many", "StepRun"),
        ("azureml.data.OutputFileDatasetConfig", "read_delimited_files", "object", "OutputTabularDatasetConfig"),
        ("azureml.data.output_dataset_config.OutputTabularDatasetConfig", "keep_columns", "object", None),
    ],
)
def test_calls(path: str, member: str, kind: str, expected: str | None) -> None:
    found = types.of_call(path, member)
    assert found is not None
    # None: an object of the same class, which the annotation gives as a type variable.
    assert (found.kind, short(found.path)) == (kind, expected or short(path))


@pytest.mark.parametrize(
    ("path", "member", "kind", "expected"),
    [
        ("azureml.core.Workspace", "compute_targets", "by_key", "ComputeTarget"),
        ("azureml.core.Run", "experiment", "object", "Experiment"),
        ("azureml.core.RunConfiguration", "environment", "object", "Environment"),
        ("azureml.core.Environment", "docker", "object", "DockerSection"),
        ("azureml.core.environment.PythonSection", "conda_dependencies", "object", "CondaDependencies"),
        ("azureml.core.Dataset", "Tabular", "class", "TabularDatasetFactory"),
    ],
)
def test_attributes(path: str, member: str, kind: str, expected: str) -> None:
    found = types.of_attribute(path, member)
    assert found is not None and (found.kind, short(found.path)) == (kind, expected)


def test_hand_written_types_are_classes_and_members_that_exist() -> None:
    shorts = {short(path): path for path in sorted(load().classes, key=len, reverse=True)}
    for key, text in types._hand_written().items():
        owner, _, member = key.partition(".")
        assert owner in shorts or any(path.endswith("." + key) for path in load().functions), key
        places = [shorts[owner], *load().subclasses(shorts[owner])] if member else []
        assert not member or any(status.of_member(place, member) for place in places), key
        assert text.removeprefix("list[").removeprefix("dict[str, ").rstrip("]") in shorts, text
