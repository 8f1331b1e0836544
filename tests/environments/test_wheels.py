"""Wheels that an environment names as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.environments.image import plan
from mlsteps.environments.wheels import brought, carried
from mlsteps.errors import InvalidInput, StoreError
from mlsteps.sdk.environment import Environment
from mlsteps.storage.digests import file_digest
from mlsteps.storage.workspace_store import WorkspaceStore


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "mine-1.0-py3-none-any.whl"
    path.write_bytes(b"zip")
    return path


def document(*pip):
    return {"name": "e", "python": {"conda": {"dependencies": [{"pip": list(pip)}]}}}


@pytest.mark.parametrize(
    ("line", "inside"),
    [
        ("file://{path}", "file:///build/packages/wheels/{digest}/{name}"),
        ("{path}", "file:///build/packages/wheels/{digest}/{name}"),
        ("mine[fast] @ file://{path}", "mine[fast] @ file:///build/packages/wheels/{digest}/{name}"),
        (
            'mine @ file://{path} ; python_version < "4"',
            'mine @ file:///build/packages/wheels/{digest}/{name} ; python_version < "4"',
        ),
        (
            "mine @ https://example.com/mine-1.0-py3-none-any.whl",
            "mine @ https://example.com/mine-1.0-py3-none-any.whl",
        ),
        ("numpy==1.23.5", "numpy==1.23.5"),
    ],
)
def test_in_an_image_they_lie_in_the_build(wheel, line, inside):
    words = {"path": wheel, "name": wheel.name, "digest": file_digest(str(wheel))[:16]}
    lines, files = carried([line.format(**words)])
    assert lines == [inside.format(**words)]
    assert list(files.values()) == ([str(wheel)] if "build" in inside else [])


def test_an_image_is_named_by_what_is_in_them_and_not_by_their_place(wheel, tmp_path):
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / wheel.name
    other.write_bytes(b"zip")
    assert plan(document(f"file://{wheel}")).name == plan(document(f"file://{other}")).name
    other.write_bytes(b"another")
    assert plan(document(f"file://{wheel}")).name != plan(document(f"file://{other}")).name
    with pytest.raises(InvalidInput, match="not on this machine"):
        plan(document("file:///nowhere/mine-1.0-py3-none-any.whl"))


def test_those_of_a_workspace_elsewhere_are_fetched_once(wheel, monkeypatch, tmp_path):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    remote = WorkspaceStore("memory://wheels-of-a-workspace")

    class Workspace:
        def _store(self):
            return remote

    address = Environment.add_private_pip_wheel(Workspace(), str(wheel))
    wanted = document(f"mine @ {address}", "pandas")
    found = brought(wanted, remote)
    (line, other) = found["python"]["conda"]["dependencies"][0]["pip"]
    path = Path(line.partition("file://")[2])
    assert line.startswith("mine @ file:///") and other == "pandas" and path.read_bytes() == b"zip"
    remote.store.delete("wheels")
    assert brought(wanted, remote) == found
    with pytest.raises(StoreError, match="absent"):
        brought(document(address.replace("mine", "absent")), remote)


def test_nothing_is_done_for_a_workspace_on_this_machine(wheel, tmp_path):
    wanted = document(f"file://{wheel}")
    assert brought(wanted, WorkspaceStore(str(tmp_path / "w"))) is wanted and brought(None, WorkspaceStore("x")) is None
