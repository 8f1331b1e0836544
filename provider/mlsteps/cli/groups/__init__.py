"""The groups of commands that ``mlsteps`` and ``airflow mlsteps`` share, one module each."""

from __future__ import annotations

from mlsteps.cli.grammar import Group
from mlsteps.cli.groups.datasets import DATASETS
from mlsteps.cli.groups.models import MODELS
from mlsteps.cli.groups.pipelines import PIPELINES
from mlsteps.cli.groups.runs import RUNS
from mlsteps.cli.groups.schedules import SCHEDULES
from mlsteps.cli.groups.workspace import WORKSPACES

GROUPS: tuple[Group, ...] = (PIPELINES, RUNS, DATASETS, MODELS, SCHEDULES, WORKSPACES)
