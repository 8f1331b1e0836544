"""The shop, made once: a run takes seconds, reading it none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shop import Shop, Terminal


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    return Shop(tmp_path)


@pytest.fixture
def terminal(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(shop, capsys)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, airflow_home: Path) -> Shop:
    """With a run that has ended, a model and a schedule."""
    from mlsteps.registry import models, schedules
    from mlsteps.translate.served import dag_of
    from tests.operators.runs import run

    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSTEPS_HOME", str(folder / "home"))
        made = Shop(folder)
        document = pipelines_document(made)
        graph = made.ws.read_json(f"graphs/{document['graph'][:2]}/{document['graph']}.json")
        assert run(dag_of(document, lambda _: graph, made.root), text="from the trigger").state == "success"
        models.register(made.ws, "net", str(made.two.sources["train"]), tags={"kind": "test"}, model_framework="Custom")
        schedules.create(
            made.ws,
            name="nightly",
            experiment="nightly",
            pipeline_id=made.published["id"],
            rule={
                "frequency": "Day",
                "interval": 1,
                "zone": "UTC",
                "since": "2026-01-01T00:00:00+00:00",
                "hours": [3],
                "minutes": [30],
            },
        )
    return made


def pipelines_document(made: Shop) -> dict[str, object]:
    from mlsteps.registry import pipelines

    return pipelines.served(made.published)
