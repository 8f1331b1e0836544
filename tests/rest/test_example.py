"""``dags_examples/publish_and_schedule.py``, from its first line to its last."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from mlsteps.sdk.schedule import Schedule

EXAMPLE = Path(__file__).parent.parent.parent / "dags_examples" / "publish_and_schedule.py"


@pytest.mark.usefixtures("home")
def test_a_pipeline_is_published_called_over_rest_and_scheduled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert ran["run"].get_status() == "Finished"
    (schedule,) = Schedule.list(ran["ws"])
    assert schedule.pipeline_endpoint_id == ran["endpoint"].id
    assert "PipelineRun Status: Finished" in capsys.readouterr().out
    schedule.disable()
