"""The DAG bundle: what it serves, in which version, at which cost."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlsteps.bundles import MlstepsDagBundle
from mlsteps.bundles.folder import LOADER
from mlsteps.bundles.versions import SHARDS, shard_of
from mlsteps.errors import InvalidInput, StoreError
from mlsteps.registry import dags, endpoints, graphs, pipelines
from mlsteps.registry.placements import delete_placement, put_placement
from mlsteps.storage.base import Store
from mlsteps.storage.workspace_store import WorkspaceStore
from tests.translate.test_dag import diamond


def bundle_of(root: str, version: str | None = None) -> MlstepsDagBundle:
    made = MlstepsDagBundle(name="mlsteps", root=root, version=version)
    made.initialize()
    return made


def version_of(bundle: MlstepsDagBundle) -> str:
    found = bundle.get_current_version()
    assert found is not None
    return found.version


def served(bundle: MlstepsDagBundle) -> dict[str, Any]:
    """The DAGs that Airflow finds in the bundle's folder, by id."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(bundle.path), bundle_path=bundle.path, bundle_name=bundle.name)
    assert bag.import_errors == {}
    return dict(bag.dags)


def queues(bundle: MlstepsDagBundle, dag_id: str) -> dict[str, str]:
    return {task.task_id: task.queue for task in served(bundle)[dag_id].tasks}


@pytest.fixture
def asked(ws: WorkspaceStore, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a bundle asked the workspace's store for something: ``list``, ``read``, ``create``."""
    counts: Counter[str] = Counter()
    kind: type[Store] = type(ws.store)
    for name in ("list", "read", "create"):
        real = getattr(kind, name)

        def counted(self: Store, *args: Any, _real: Any = real, _name: str = name, **kwargs: Any) -> Any:
            counts[_name] += 1
            return _real(self, *args, **kwargs)

        monkeypatch.setattr(kind, name, counted)
    return counts


class TestServing:
    def test_what_is_published_is_a_dag_with_its_text_and_form(self, root: str, publish: Callable[..., Any]) -> None:
        made = publish("Trees / 1", version="2", continue_on_step_failure=True)
        (dag,) = served(bundle_of(root)).values()
        assert (dag.dag_id, dag.dag_display_name) == (made["dag_id"], "Trees / 1")
        assert f"Published pipeline `{made['id']}`, version 2." in dag.doc_md
        assert f"Graph `{made['graph']}`." in dag.doc_md
        assert {"mlsteps", "published", "Trees-1"} <= set(dag.tags)
        assert dag.params["continue_on_step_failure"] is True and dag.params["regenerate_outputs"] is False
        assert {node.id for node in diamond().steps} | {"plan"} == set(dag.task_ids)
        assert dag.task_dict["plan"].pipeline().workspace["root"] == WorkspaceStore(root).root
        assert dag.is_paused_upon_creation is False

    def test_the_file_of_a_dag_is_a_constant_text_and_always_the_same(
        self, root: str, publish: Callable[..., Any]
    ) -> None:
        made = publish("one")
        bundle = bundle_of(root)
        (dag,) = served(bundle).values()
        file = Path(dag.fileloc)
        assert file == bundle.path / f"mlsteps_{shard_of(made['dag_id'])}.py"
        for number in range(20):
            publish(f"p{number}")
        bundle.refresh()
        assert served(bundle)[made["dag_id"]].fileloc == str(file)
        texts = {found.read_text() for found in bundle.path.glob("*.py")}
        assert texts == {LOADER}

    def test_pipelines_share_files(self, root: str, publish: Callable[..., Any]) -> None:
        made = [publish(f"p{number}")["dag_id"] for number in range(80)]
        bundle = bundle_of(root)
        assert set(served(bundle)) == set(made)
        files = {file.name for file in bundle.path.glob("*.py")}
        assert files == {f"mlsteps_{shard_of(dag_id)}.py" for dag_id in made} and len(files) <= SHARDS

    def test_tasks_get_the_queue_and_pool_of_their_compute_target(
        self, root: str, ws: WorkspaceStore, publish: Callable[..., Any]
    ) -> None:
        dag_id = publish("one")["dag_id"]
        target = next(node.compute["name"] for node in diamond().steps if node.compute.get("name"))
        steps = [node.id for node in diamond().steps if node.compute.get("name") == target]
        bundle = bundle_of(root)
        before = version_of(bundle), queues(bundle, dag_id)
        put_placement(ws, {"name": target.upper(), "kind": "local", "queue": "gpus"})
        put_placement(ws, {"name": "*", "kind": "local", "queue": "all"})
        put_placement(ws, {"name": "other", "kind": "local"})
        bundle.refresh()
        found = queues(bundle, dag_id)
        assert {found.pop(step) for step in steps} == {"gpus"} and found.pop("plan") == before[1]["plan"]
        assert set(found.values()) <= {"all"}
        assert queues(bundle_of(root, version_of(bundle)), dag_id) == queues(bundle, dag_id)  # on a worker
        assert queues(bundle_of(root, before[0]), dag_id) == before[1]  # a run keeps what it began with
        for name in (target, "*"):
            delete_placement(ws, name)
        bundle.refresh()
        assert (version_of(bundle), queues(bundle, dag_id)) == before

    def test_only_what_is_active_is_read(self, root: str, ws: WorkspaceStore, publish: Callable[..., Any]) -> None:
        old, kept = publish("old"), publish("kept")
        pipelines.set_status(ws, old["id"], pipelines.DISABLED)
        bundle = bundle_of(root)
        dag = served(bundle)[old["dag_id"]]  # its runs that go on are finished
        assert (
            dag.dag_display_name == "old (disabled)"
            and "disabled" in dag.tags
            and "a new run of it fails" in dag.doc_md
        )
        document = dags.get(ws, old["dag_id"])
        assert document is not None
        ws.write_json(dags.path_of(old["dag_id"]), {**document, "retired": time.time() - dags.RETIRED_FOR - 1})
        bundle.refresh()
        assert set(served(bundle)) == {kept["dag_id"]}
        pipelines.set_status(ws, old["id"], pipelines.ACTIVE)
        bundle.refresh()
        assert set(served(bundle)) == {old["dag_id"], kept["dag_id"]}

    def test_what_has_been_retired_for_long_goes_without_any_change(
        self, root: str, ws: WorkspaceStore, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = publish("old")
        pipelines.set_status(ws, old["id"], pipelines.DISABLED)
        bundle = bundle_of(root)
        assert set(served(bundle)) == {old["dag_id"]}
        later = time.time() + dags.RETIRED_FOR + 1
        monkeypatch.setattr("mlsteps.bundles.bundle.time.time", lambda: later)
        bundle.refresh()
        assert served(bundle) == {} and list(bundle.path.glob("*.py")) == []

    def test_an_endpoint_is_a_dag_that_follows_its_default(
        self, root: str, ws: WorkspaceStore, publish: Callable[..., Any]
    ) -> None:
        first, second = publish("first"), publish("second")
        made = endpoints.publish(ws, "score", "d", first["id"])
        bundle = bundle_of(root)
        before = served(bundle)[made["dag_id"]]
        assert f"Graph `{first['graph']}`" in before.doc_md and "Pipeline endpoint" in before.doc_md
        assert before.task_dict["plan"].origin == {
            "graph": graphs.graph_path(first["graph"]),
            "pipeline_id": first["id"],
            "pipeline_endpoint_id": made["id"],
        }
        endpoints.add(ws, made["id"], second["id"])
        bundle.refresh()
        assert f"Graph `{first['graph']}`" in served(bundle)[made["dag_id"]].doc_md
        endpoints.set_default(ws, made["id"], "1")
        bundle.refresh()
        after = served(bundle)[made["dag_id"]]
        assert f"Graph `{second['graph']}`" in after.doc_md and after.fileloc == before.fileloc

    def test_one_that_cannot_be_made_a_dag_does_not_hold_up_the_others(
        self, root: str, ws: WorkspaceStore, publish: Callable[..., Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        made = publish("sound")
        digest = graphs.put_graph(ws, {"steps": [], "version": 999})
        same_file = next(name for name in map(str, range(10_000)) if shard_of(name) == shard_of(made["dag_id"]))
        dags.serve(ws, {"dag_id": same_file, "kind": "experiment", "graph": digest, "experiment": "e"})
        assert set(served(bundle_of(root))) == {made["dag_id"]}
        assert "version 999" in caplog.text

    def test_a_task_makes_only_its_own_dag(
        self, root: str, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = [publish(f"p{number}")["dag_id"] for number in range(3 * SHARDS)]
        full = next(shard for shard, count in Counter(map(shard_of, made)).items() if count > 1)
        wanted = next(dag_id for dag_id in made if shard_of(dag_id) == full)
        bundle = bundle_of(root)
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", wanted)
        from airflow.dag_processing.dagbag import DagBag

        file = bundle.path / f"mlsteps_{full}.py"
        bag = DagBag(str(file), bundle_path=bundle.path, bundle_name=bundle.name)
        assert list(bag.dags) == [wanted]

    def test_the_same_dag_every_time(self, root: str, publish: Callable[..., Any]) -> None:
        from airflow.serialization.serialized_objects import DagSerialization

        publish("one")
        texts = [str(DagSerialization.to_dict(dag)) for _ in range(2) for dag in served(bundle_of(root)).values()]
        assert texts[0] == texts[1]


class TestVersions:
    def test_a_version_is_what_is_served_and_nothing_else(
        self, root: str, ws: WorkspaceStore, publish: Callable[..., Any]
    ) -> None:
        empty = version_of(bundle_of(root))
        made = publish("one")
        bundle = bundle_of(root)
        first = version_of(bundle)
        assert first != empty
        pipelines.set_status(ws, made["id"], pipelines.DISABLED)
        bundle.refresh()
        assert version_of(bundle) not in (first, empty)
        pipelines.set_status(ws, made["id"], pipelines.ACTIVE)
        bundle.refresh()
        assert version_of(bundle) == first
        ws.write_json("datastores/new.json", {"name": "new"})
        bundle.refresh()
        assert version_of(bundle) == first

    def test_a_run_keeps_its_version_on_a_machine_that_has_seen_nothing(
        self, root: str, ws: WorkspaceStore, storage: Path
    ) -> None:
        def submitted(text: str) -> str:
            digest = graphs.put_graph(ws, replace(diamond(), description=text))
            dags.serve(ws, {"dag_id": "exp", "kind": "experiment", "graph": digest, "experiment": "exp"})
            return digest

        first = submitted("before")
        bundle = bundle_of(root)
        version = version_of(bundle)
        second = submitted("after")
        bundle.refresh()
        os.rename(storage, storage.with_name("another_machine"))
        worker = bundle_of(root, version)
        assert version_of(worker) == version and worker.path.parent.name == "versions"
        assert f"Graph `{first}`" in served(worker)["exp"].doc_md
        assert f"Graph `{second}`" in served(bundle_of(root))["exp"].doc_md

    def test_a_version_needs_the_workspace_once(
        self, root: str, publish: Callable[..., Any], asked: Counter[str]
    ) -> None:
        publish("one")
        version = version_of(bundle_of(root))
        served(bundle_of(root, version))
        asked.clear()
        assert len(served(bundle_of(root, version))) == 1
        assert asked == {}

    def test_a_worker_fetches_what_its_task_needs(
        self,
        root: str,
        publish: Callable[..., Any],
        storage: Path,
        asked: Counter[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        made = [publish(f"p{number}")["dag_id"] for number in range(50)]
        version = version_of(bundle_of(root))
        os.rename(storage, storage.with_name("another_machine"))
        asked.clear()
        worker = bundle_of(root, version)
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", made[0])
        from airflow.dag_processing.dagbag import DagBag

        file = worker.path / f"mlsteps_{shard_of(made[0])}.py"
        assert list(DagBag(str(file), bundle_path=worker.path, bundle_name="mlsteps").dags) == [made[0]]
        assert asked == {"read": 3}  # the version, the shard, the graph

    def test_an_unknown_version_is_an_error(self, root: str, publish: Callable[..., Any]) -> None:
        publish("one")
        with pytest.raises(StoreError, match="is missing"):
            bundle_of(root, "0" * 64)
        with pytest.raises(InvalidInput, match="no digest"):
            bundle_of(root, "../../../etc")
        bundle = bundle_of(root, version_of(bundle_of(root)))
        with pytest.raises(InvalidInput, match="cannot change"):
            bundle.refresh()

    def test_an_altered_version_is_not_served(self, root: str, ws: WorkspaceStore, storage: Path, publish) -> None:
        publish("one")
        version = version_of(bundle_of(root))
        os.rename(storage, storage.with_name("another_machine"))
        path = f"bundles/{version[:2]}/{version}.json"
        ws.write_json(path, {"shards": {"00": "1" * 64}})
        with pytest.raises(StoreError, match="altered"):
            bundle_of(root, version)


class TestCost:
    def test_a_look_at_an_unchanged_workspace_is_two_listings(
        self, root: str, publish: Callable[..., Any], asked: Counter[str]
    ) -> None:
        for number in range(20):
            publish(f"p{number}")
        bundle = bundle_of(root)
        asked.clear()
        for _ in range(3):
            bundle.refresh()
        assert asked == {"list": 6}  # of DAGs, and of placements

    def test_a_change_costs_what_has_changed(self, root: str, publish: Callable[..., Any], asked: Counter[str]) -> None:
        for number in range(50):
            publish(f"p{number}")
        bundle = bundle_of(root)
        publish("new")
        asked.clear()
        bundle.refresh()
        assert asked == {"list": 2, "read": 2, "create": 2}  # its document and graph; one shard and the index

    def test_only_files_that_have_changed_look_new_to_airflow(self, root: str, publish: Callable[..., Any]) -> None:
        for number in range(50):
            publish(f"p{number}")
        bundle = bundle_of(root)
        for file in bundle.path.glob("*.py"):
            os.utime(file, (1.0, 1.0))
        made = publish("new")
        bundle.refresh()
        changed = [file.name for file in bundle.path.glob("*.py") if file.stat().st_mtime > 1.0]
        assert changed == [f"mlsteps_{shard_of(made['dag_id'])}.py"]

    def test_history_costs_nothing(
        self, root: str, ws: WorkspaceStore, publish: Callable[..., Any], asked: Counter[str]
    ) -> None:
        """A hundred graphs of one experiment, one served: reading it is reading one."""
        for number in range(100):
            digest = graphs.put_graph(ws, replace(diamond(), description=str(number)))
            dags.serve(ws, {"dag_id": "exp", "kind": "experiment", "graph": digest, "experiment": "exp"})
        asked.clear()
        assert len(served(bundle_of(root))) == 1
        assert asked["list"] == 2 and asked["read"] == 2


class TestTrouble:
    def test_a_workspace_that_cannot_be_read_leaves_what_was_there(
        self, root: str, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, ws: WorkspaceStore
    ) -> None:
        made = publish("one")
        bundle = bundle_of(root)
        before = version_of(bundle)

        def broken(self: Store, path: str = "") -> Any:
            raise StoreError("it does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(type(ws.store), "list", broken)
            with pytest.raises(StoreError, match="does not answer"):
                bundle.refresh()
        assert version_of(bundle) == before and set(served(bundle)) == {made["dag_id"]}

    def test_many_that_begin_at_once(self, root: str, publish: Callable[..., Any], storage: Path) -> None:
        made = {publish(f"p{number}")["dag_id"] for number in range(20)}
        version = version_of(bundle_of(root))
        os.rename(storage, storage.with_name("another_machine"))
        errors: list[BaseException] = []

        def work(wanted: str | None) -> None:
            try:
                bundle_of(root, wanted)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(wanted,)) for wanted in [version, None] * 5]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert set(served(bundle_of(root, version))) == made == set(served(bundle_of(root)))

    def test_it_needs_one_place(self) -> None:
        for said in ({}, {"root": "/r", "conn_id": "c"}):
            with pytest.raises(InvalidInput, match="a root and a conn_id"):
                MlstepsDagBundle(name="mlsteps", **said)

    def test_a_connection_names_the_root(
        self, root: str, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import json

        made = publish("one")
        extra = {"root": root, "workspace_name": "w"}
        monkeypatch.setenv("AIRFLOW_CONN_TEAM", json.dumps({"conn_type": "mlsteps", "extra": extra}))
        bundle = MlstepsDagBundle(name="mlsteps", conn_id="team")
        bundle.initialize()
        assert set(served(bundle)) == {made["dag_id"]}

    def test_another_root_under_the_same_name(self, root: str, publish: Callable[..., Any], tmp_path: Path) -> None:
        publish("one")
        bundle_of(root)
        assert served(bundle_of(str(tmp_path / "empty"))) == {}
