"""Keyvault, authentication, Databricks libraries and RunDetails."""

from __future__ import annotations

import pytest

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk import authentication as auth
from mlsteps.sdk.databricks_section import DatabricksCluster, MavenLibrary, PyPiLibrary
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.widgets import RunDetails


def test_secrets_come_from_variables_and_are_written_nowhere(ws, run, monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_DB_PASSWORD", "plain")
    vault = ws.get_default_keyvault()
    assert vault.get_secret("db-password") == run.get_secret("db-password") == "plain"
    monkeypatch.setenv("AIRFLOW_VAR_MLSTEPS_SEA_DB_PASSWORD", "own")
    assert vault.get_secret(name="db-password") == "own"
    assert vault.get_secrets(["db-password", "none"]) == {"db-password": "own", "none": None}
    with pytest.raises(UserErrorException, match="AIRFLOW_VAR_MLSTEPS_SEA_NONE"):
        vault.get_secret("none")
    vault.set_secret("api", "GEHEIM")
    try:
        assert vault.get_secret("api") == "GEHEIM"
        assert {"name": "api"} in vault.list_secrets()
        store = ws._store().store
        assert not [entry.path for entry in store.list() if b"GEHEIM" in store.read(entry.path)]
    finally:
        vault.delete_secret("api")
    with pytest.raises(UserErrorException):
        vault.get_secret("api")


@pytest.mark.parametrize(
    "made",
    [
        auth.InteractiveLoginAuthentication(tenant_id="t"),
        auth.AzureCliAuthentication(),
        auth.MsiAuthentication(),
        auth.ServicePrincipalAuthentication("t", "id", "GEHEIM"),
    ],
)
def test_authentication_gives_the_local_token(made, monkeypatch):
    monkeypatch.setenv("MLSTEPS_API_TOKEN", "tok")
    assert made.get_authentication_header() == {"Authorization": "Bearer tok"}
    assert made.get_token("scope").token == "tok"
    assert "GEHEIM" not in str(vars(made))


def test_given_tokens_are_used():
    assert auth.ArmTokenAuthentication("x").get_authentication_header() == {"Authorization": "Bearer x"}
    assert auth.TokenAuthentication(lambda audience: audience.value).get_token() == "ARM"
    assert auth.AzureMLTokenAuthentication("r").token == "r"


def test_databricks_clusters():
    assert PyPiLibrary(package="x")._changed() == {"package": "x"}
    assert MavenLibrary("g:a:1").exclusions == []
    DatabricksCluster(existing_cluster_id="1").validate()
    DatabricksCluster(node_type="n", num_workers=1).validate()
    with pytest.raises(InvalidInput, match="one or the other"):
        DatabricksCluster(existing_cluster_id="1", node_type="n").validate()
    with pytest.raises(InvalidInput, match="num_workers"):
        DatabricksCluster(node_type="n", min_workers=1).validate()


def test_run_details_is_text_outside_notebooks(run, capsys):
    run.display_name = "Fit <it>"
    child = run.child_run("fold 1")
    child.complete()
    RunDetails(run).show()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "Running" and "Fit <it>" in lines[0]
    assert lines[1].split()[0] == "Completed" and "fold 1" in lines[1]
    assert "Fit &lt;it&gt;" in RunDetails(run)._html()
    assert RunDetails(run).get_widget_data()["children"][0]["status"] == "Completed"


def test_run_details_in_a_terminal_follows_to_the_end(ws, capsys, monkeypatch):
    import sys
    import threading

    run = Experiment(ws, "waves").start_logging()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)

    write, shown = sys.stdout.write, threading.Event()

    def watched(text):
        if "Running" in text:
            shown.set()
        return write(text)

    monkeypatch.setattr(sys.stdout, "write", watched)

    def finish():
        shown.wait(120)
        run.child_run("late").complete()
        run.complete()

    thread = threading.Thread(target=finish)
    thread.start()
    RunDetails(run).show(render_lib=None)
    thread.join()
    out = capsys.readouterr().out
    assert out.count("Running") == 1 and out.rstrip().splitlines()[-1].startswith("Completed")
