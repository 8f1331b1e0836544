"""docs/compatibility.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from mlsteps.compatibility.__main__ import main
from mlsteps.compatibility.page import page

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_committed_page_is_up_to_date() -> None:
    committed = (DOCS / "compatibility.md").read_text(encoding="utf-8")
    assert committed == page(), "write it again: python -m mlsteps.compatibility"


def test_it_is_the_same_every_time(tmp_path) -> None:
    assert main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page()


def test_it_holds_every_part(tmp_path) -> None:
    text = page()
    for part in ("## Refused", "## Accepted and ignored", "## Extended", "## Supported", "### azureml.core.workspace"):
        assert f"\n{part}\n" in text
    assert "`PythonScriptStep(hash_paths)`" in text and "| `azureml.automl` and all below |" in text
    assert "object at 0x" not in text


def test_the_differences_are_documented() -> None:
    assert (DOCS / "differences.md").is_file()
