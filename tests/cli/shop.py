"""A workspace with a pipeline that was published, run and registered: what the commands read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlsteps.cli.main import main
from mlsteps.registry import graphs, pipelines
from mlsteps.registry.workspaces import open_workspace
from mlsteps.storage.workspace_store import WorkspaceStore
from tests.operators.pipelines import TwoSteps


class Shop:
    """``two``: the pipeline's files; ``published``: its document."""

    def __init__(self, folder: Path) -> None:
        self.two = TwoSteps(folder)
        self.ws: WorkspaceStore = open_workspace({"name": "tests", "root": str(self.two.root)})
        self.published = self.publish("daily")

    @property
    def root(self) -> str:
        return str(self.two.root)

    def publish(self, name: str, **how: Any) -> dict[str, Any]:
        """Publish the pipeline as its files are now."""
        graph = graphs.with_snapshots(self.two.graph(register="clean_data", **how), self.ws)
        return pipelines.publish(self.ws, graph, name=name, version="7")


class Terminal:
    """``mlsteps ...`` in this process."""

    def __init__(self, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
        self._shop = shop
        self._capsys = capsys

    def __call__(self, *command: str, code: int = 0) -> str:
        """What a command prints; its exit code must be ``code``."""
        self._capsys.readouterr()
        found = main([*command, "--workspace", self._shop.root])
        self.said = self._capsys.readouterr()
        assert found == code, self.said.err
        return self.said.out

    def json(self, *command: str, code: int = 0) -> Any:
        """The same with ``--json``, read."""
        return json.loads(self(*command, "--json", code=code))
