"""Remote stores inside a step: its own Python has no driver and no credentials."""

from __future__ import annotations

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlsteps.compute.local import LocalTarget
from mlsteps.contracts.spec import StepSpec
from mlsteps.errors import StoreError
from mlsteps.runner.mounts import Mounts
from mlsteps.runner.relay import Relay
from mlsteps.runner.stores import Stores
from mlsteps.storage.base import Store
from mlsteps.storage.open import open_datastore, open_store
from mlsteps.storage.relayed import VARIABLE, RelayedStore
from tests.runner.support import Steps
from tests.storage.contract import StoreContract


@pytest.fixture
def stores(steps: Steps) -> Stores:
    """Of a step with one remote datastore, in the memory of this process."""
    remote = {"name": "far", "type": "Url", "url": f"memory://{uuid.uuid4().hex}/place"}
    spec: StepSpec = steps.spec(datastores={"far": remote})
    return Stores(spec, {})


@pytest.fixture
def relay(stores: Stores, tmp_path, monkeypatch):
    path = str(tmp_path / ("deep" * 30) / "stores")  # longer than a socket's address may be
    made = Relay(path, stores, Mounts({}, print))
    os.makedirs(os.path.dirname(made.path))
    made.start()
    yield made
    made.stop()


class TestRelayedStore(StoreContract):
    @pytest.fixture
    def store(self, relay: Relay) -> Store:
        return RelayedStore(relay.path, {"datastore": "far"}, "memory://far/place")

    def test_a_large_file_is_read_in_pieces_at_any_place(self, store: Store) -> None:
        data = os.urandom(9 << 20)
        store.write("big", data)
        with store.open("big") as file:
            assert file.seek(-5, os.SEEK_END) == len(data) - 5
            assert file.read() == data[-5:]
            file.seek(4 << 20)
            assert file.read(10) == data[4 << 20 : (4 << 20) + 10]
            file.seek(0)
            assert file.read() == data

    def test_many_threads_ask_at_once(self, store: Store) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda number: store.write(f"d/{number}", b"%d" % number), range(64)))
            assert list(pool.map(lambda number: int(store.read(f"d/{number}")), range(64))) == list(range(64))


def test_only_this_user_may_open_the_socket(relay: Relay) -> None:
    assert os.stat(relay.path).st_mode & 0o777 == 0o600


def test_a_runner_that_has_gone_is_told(relay: Relay) -> None:
    store = RelayedStore(relay.path, {"datastore": "far"}, "memory://far")
    store.write("f", b"")
    relay.stop()
    assert not os.path.exists(relay.path)
    with pytest.raises(StoreError, match="memory://far/f is opened by the step's runner, which does not answer"):
        store.read("f")
    for thread in threading.enumerate():
        if thread.name == "mlsteps-stores":
            thread.join(10)
            assert not thread.is_alive()


def test_unknown_datastores_and_drivers_are_named(relay: Relay) -> None:
    with pytest.raises(Exception, match="Could not find datastore 'nowhere'"):
        RelayedStore(relay.path, {"datastore": "nowhere"}, "x://").read("f")
    with pytest.raises(StoreError, match="fsspec knows no protocol 'nosuch'"):
        RelayedStore(relay.path, {"url": "nosuch://a"}, "nosuch://a").read("f")


def test_in_a_step_remote_stores_are_the_runners_and_local_ones_its_own(relay: Relay, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv(VARIABLE, relay.path)
    remote = {"name": "far", "type": "AzureBlob", "container_name": "box", "account_name": "acc"}
    assert isinstance(open_datastore(remote), RelayedStore)
    assert isinstance(open_store("s3://bucket/a"), RelayedStore)
    assert not isinstance(open_store(str(tmp_path)), RelayedStore)
    assert not isinstance(open_store("https://example.com/a"), RelayedStore)


def test_a_script_reads_and_writes_remote_stores_without_drivers_or_secrets(steps: Steps) -> None:
    code = """
        import os, sys
        sys.modules["fsspec"] = None  # as in an environment that does not have it
        from azureml.core import Datastore, Run
        run = Run.get_context()
        store = Datastore.get(run.experiment.workspace, "far")
        open("local.txt", "w").write("from the step")
        store.upload_files(["local.txt"], target_path="up", show_progress=False)
        print("back:", store.download("back", "up", show_progress=False), open("back/up/local.txt").read())
        secrets = [name for name, value in os.environ.items() if "OPEN-SESAME" in value]
        print("secrets:", secrets, "OPEN-SESAME" in open(os.environ["MLSTEPS_RUN"]).read())
    """
    document = {"name": "far", "type": "Url", "url": "memory://far-away/place", "connection": "far"}
    steps.ws.write_json("datastores/far.json", document)
    lines: list[str] = []
    credentials = {"datastores": {"far": {"secret": "OPEN-SESAME"}}}
    result = LocalTarget().run(steps.spec(code), credentials, on_line=lines.append)
    assert result.status == "Completed", (result.error, lines)
    assert "back: 1 from the step" in lines
    assert "secrets: [] False" in lines
