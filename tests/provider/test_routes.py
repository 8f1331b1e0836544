"""How the provider's routes come into Airflow's API server, and into no other process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mlsteps import plugin


def test_the_plugin_loads_no_web_framework_until_its_routes_are_asked_for() -> None:
    probe = (
        "import sys; from mlsteps.plugin import MlstepsPlugin; made = MlstepsPlugin(); "
        "loaded = {'fastapi', 'mlsteps.rest', 'mlsteps.client'} & set(sys.modules); "
        "assert not loaded, loaded; "
        "(app,) = made.fastapi_apps; "
        "assert app['url_prefix'] == '/mlsteps' and app['app'].routes"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_fault_of_ours_does_not_keep_airflows_api_from_starting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "mlsteps.rest.app", None)
    plugin._app.cache_clear()
    try:
        assert plugin.MlstepsPlugin().fastapi_apps == []
    finally:
        plugin._app.cache_clear()
    assert "are not served" in caplog.text
