"""Bodies and answers of the REST endpoints, with the names that the SDK's clients use."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

#: The largest body, in bytes.
LARGEST = 1024 * 1024

Label = Annotated[StrictStr, Field(min_length=1, max_length=255)]
Text = Annotated[StrictStr, Field(max_length=10_000)]
Value = Annotated[StrictStr, Field(max_length=100_000)] | StrictBool | StrictInt | StrictFloat


class _Body(BaseModel):
    # As Azure's service: what it does not know it passes over.
    model_config = ConfigDict(extra="ignore")


class DataPath(_Body):
    """A folder or file in a datastore."""

    DataStoreName: Label
    RelativePath: Text | None = None


class SavedDataset(_Body):
    """A dataset by its id."""

    Id: Label


class RegisteredDataset(_Body):
    """A registered dataset: by id, or by name and version."""

    Id: Label | None = None
    Name: StrictStr | None = Field(None, min_length=1, max_length=255)
    Version: Annotated[StrictStr, Field(max_length=20)] | StrictInt | None = None


class DatasetValue(_Body):
    """A dataset, in one of three ways."""

    SavedDataSetReference: SavedDataset | None = None
    DataSetReference: RegisteredDataset | None = None
    LiteralValue: DataPath | None = None


class RunRequest(_Body):
    """What a run is started with. Every key is optional."""

    ExperimentName: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$")] | None = Field(
        None, description="The experiment of the run; by default named after what is run."
    )
    DisplayName: Label | None = None
    Description: Text | None = None
    RunSource: Label | None = Field(None, description="Kept as a property of the run.")
    ParameterAssignments: dict[Label, Value] | None = Field(
        None, description="Values of pipeline parameters; a text that reads as a parameter's type counts as that type."
    )
    DataPathAssignments: dict[Label, DataPath] | None = None
    DataSetDefinitionValueAssignments: dict[Label, DatasetValue] | None = None
    Tags: dict[Label, Text | None] | None = Field(None, max_length=50)
    StepTags: dict[Label, Text | None] | None = Field(None, max_length=50, description="Tags of each step's run.")
    ContinueRunOnStepFailure: StrictBool | None = None
    ParentRunId: Label | None = None


class RunStarted(BaseModel):
    """A run that was started."""

    Id: str = Field(description="Of the pipeline run: PipelineRun.get(workspace, id).")
    RunUrl: str = Field(description="Its page in Airflow.")
    ExperimentName: str
    PipelineId: str
    PipelineEndpointId: str | None = None
    GraphId: str
    Description: str | None = None
    Warnings: list[str] = Field([], description="What was passed over, such as parameters that the pipeline lacks.")


class RefreshAsked(BaseModel):
    """A DAG bundle that is looked at next."""

    Bundle: str


class ErrorDetail(BaseModel):
    """What was wrong, for a program and for a person."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """The body of every answer that is no success."""

    error: ErrorDetail


def plain(request: RunRequest) -> dict[str, Any]:
    """All parameter values of a request by name, in the forms that ``submit`` takes.

    :raises ValueError: for a parameter that is given twice; a dataset in no way or more than one.
    """
    values: dict[str, Any] = dict(request.ParameterAssignments or {})
    paths = {name: item.model_dump() for name, item in (request.DataPathAssignments or {}).items()}
    sets = {name: _dataset(name, item) for name, item in (request.DataSetDefinitionValueAssignments or {}).items()}
    for more in (paths, sets):
        twice = sorted(set(values) & set(more))
        if twice:
            raise ValueError(f"The parameter {twice[0]!r} is given twice.")
        values.update(more)
    return values


def _dataset(name: str, item: DatasetValue) -> dict[str, Any]:
    registered = item.DataSetReference
    found: list[dict[str, Any]] = []
    if item.SavedDataSetReference is not None:
        found.append({"id": item.SavedDataSetReference.Id})
    if item.LiteralValue is not None:
        found.append({"datastore": item.LiteralValue.DataStoreName, "path": item.LiteralValue.RelativePath or ""})
    if registered is not None and registered.Id:
        found.append({"id": registered.Id})
    elif registered is not None and registered.Name:
        version = str(registered.Version or "latest")
        found.append(
            {"registered": {"name": registered.Name, "version": int(version) if version.isdigit() else version}}
        )
    if len(found) != 1:
        raise ValueError(
            f"The dataset {name!r} needs one of SavedDataSetReference, DataSetReference (Id or Name) and LiteralValue."
        )
    return found[0]
