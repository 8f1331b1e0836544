"""Published pipelines, endpoints, drafts and modules as documents of a real store."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsteps.contracts.graph import Parameter, PipelineGraph, StepNode
from mlsteps.errors import InvalidInput, StoreError, UserErrorException
from mlsteps.registry import dags, drafts, endpoints, graphs, modules, pipelines
from mlsteps.storage.workspace_store import WorkspaceStore

GRAPH = PipelineGraph(
    steps=(StepNode("one", "one", script="one.py", snapshot="a" * 64),),
    workspace={"name": "w", "root": "/somewhere", "conn_id": "mlsteps_w"},
    parameters=(Parameter("rate", "float", 0.5),),
)


@pytest.fixture
def ws(tmp_path: Path) -> WorkspaceStore:
    return WorkspaceStore(str(tmp_path / "root"))


def published(ws: WorkspaceStore, name: str = "train", graph: PipelineGraph = GRAPH, **more: object) -> dict:
    return pipelines.publish(ws, graph, name=name, **more)


class TestGraphs:
    def test_equal_graphs_are_kept_once_wherever_the_workspace_lies(self, ws: WorkspaceStore) -> None:
        elsewhere = replace(GRAPH, workspace={"name": "w", "root": "s3://bucket/w", "airflow_url": "http://a"})
        assert graphs.put_graph(ws, GRAPH) == graphs.put_graph(ws, elsewhere)
        assert len(list(ws.store.list("graphs"))) == 1
        found = graphs.get_graph(ws, graphs.put_graph(ws, GRAPH))
        assert found == replace(GRAPH, workspace={"name": "w", "root": ws.root})

    def test_a_graph_with_a_folder_of_this_machine_is_refused(self, ws: WorkspaceStore) -> None:
        local = replace(GRAPH, steps=(replace(GRAPH.steps[0], source_directory="/home/me", snapshot=None),))
        with pytest.raises(InvalidInput, match="'one' is a local folder"):
            graphs.put_graph(ws, local)

    def test_an_altered_graph_is_noticed(self, ws: WorkspaceStore) -> None:
        digest = graphs.put_graph(ws, GRAPH)
        file = Path(ws.root) / graphs.graph_path(digest)
        file.write_text(file.read_text().replace("one.py", "two.py"))
        with pytest.raises(StoreError, match="damaged or was altered"):
            graphs.get_graph(ws, digest)
        file.unlink()
        with pytest.raises(StoreError, match="is missing"):
            graphs.get_graph(ws, digest)

    @pytest.mark.parametrize("digest", ["", "../" * 30, "a" * 63, "A" * 64, "a" * 64 + "\n", None])
    def test_what_is_no_digest_never_becomes_a_path(self, digest: object) -> None:
        with pytest.raises(InvalidInput, match="no digest"):
            graphs.graph_path(digest)  # type: ignore[arg-type]


class TestPublished:
    def test_what_was_published_is_found_and_served(self, ws: WorkspaceStore) -> None:
        made = published(ws, "Train it", version="2", description="d", continue_on_step_failure=True)
        assert pipelines.get(ws, made["id"]) == made
        assert (made["name"], made["version"], made["status"], made["steps"]) == ("Train it", "2", "Active", 1)
        assert made["dag_id"] == f"Train-it-{made['id'][:8]}"
        served = dags.get(ws, made["dag_id"])
        assert served is not None
        assert (served["graph"], served["pipeline_id"]) == (made["graph"], made["id"])
        assert (served["experiment"], served["display_name"]) == ("Train-it", "Train it")
        assert served["continue_on_step_failure"] is True
        assert pipelines.graph_of(ws, made).steps == GRAPH.steps

    def test_names_may_repeat_and_the_newest_comes_first(self, ws: WorkspaceStore) -> None:
        made = [published(ws) for _ in range(3)]
        assert [item["id"] for item in pipelines.list_published(ws)] == [item["id"] for item in reversed(made)]
        assert len({item["dag_id"] for item in made}) == 3

    def test_a_disabled_one_is_listed_when_asked_for_and_takes_no_runs(self, ws: WorkspaceStore) -> None:
        made, other = published(ws), published(ws, "other")
        before = time.time()
        pipelines.set_status(ws, made["id"], pipelines.DISABLED)
        assert [item["id"] for item in pipelines.list_published(ws)] == [other["id"]]
        assert {item["id"]: item["status"] for item in pipelines.list_published(ws, active_only=False)} == {
            made["id"]: "Disabled",
            other["id"]: "Active",
        }
        with pytest.raises(UserErrorException, match=r"is disabled. To mend it: PublishedPipeline.enable\(\)"):
            pipelines.check_active(pipelines.need(ws, made["id"]))
        since = pipelines.disabled_since(ws, made["id"])
        assert since is not None and since >= before
        served = dags.get(ws, made["dag_id"])
        assert served is not None and not dags.is_over(served)  # runs that go on are finished
        assert dags.is_over(served, time.time() + dags.RETIRED_FOR + 1)
        pipelines.set_status(ws, made["id"], pipelines.ACTIVE)
        assert pipelines.disabled_since(ws, made["id"]) is None
        assert dags.get(ws, made["dag_id"]) == {key: value for key, value in served.items() if key != "retired"}

    @pytest.mark.parametrize("id", ["nothing", "../../etc/passwd", "a/b", "published/../x", "\u00fc" * 20])
    def test_an_unknown_id_is_none_and_never_leaves_the_folder(self, ws: WorkspaceStore, id: str) -> None:
        published(ws)
        assert pipelines.get(ws, id) is None
        with pytest.raises(UserErrorException, match="no published pipeline"):
            pipelines.need(ws, id)

    @pytest.mark.parametrize("id", ["", "  ", None, 7])
    def test_an_id_that_is_none_is_refused(self, ws: WorkspaceStore, id: object) -> None:
        with pytest.raises(InvalidInput, match="id of the published pipeline"):
            pipelines.get(ws, id)  # type: ignore[arg-type]

    @settings(max_examples=200)
    @given(st.text(min_size=1, max_size=300))
    def test_any_name_makes_ids_that_airflow_takes(self, name: str) -> None:
        import re

        for made in (dags.dag_id(name, "0123456789"), dags.slug(name)):
            assert re.fullmatch(r"[A-Za-z0-9_.-]{1,240}", made)
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}", dags.experiment_name(name))

    def test_only_what_changes_is_written_again(self, ws: WorkspaceStore) -> None:
        made = published(ws)
        document = dags.get(ws, made["dag_id"])
        assert document is not None and not dags.serve(ws, document)
        assert dags.serve(ws, {**document, "version": "3"})


def _add_versions(root: str, endpoint: str, pipeline: str, count: int, answers: multiprocessing.Queue[str]) -> None:
    for _ in range(count):
        answers.put(endpoints.add(WorkspaceStore(root), endpoint, pipeline))


class TestEndpoints:
    def test_versions_count_from_zero_and_the_first_is_the_default(self, ws: WorkspaceStore) -> None:
        first, second = published(ws), published(ws)
        made = endpoints.publish(ws, "score", "d", first["id"])
        assert (made["default_version"], made["versions"]) == ("0", {"0": first["id"]})
        assert endpoints.add(ws, made["id"], second["id"]) == "1"
        assert endpoints.need(ws, name="score")["default_version"] == "0"
        endpoints.set_default(ws, made["id"], "1")
        again = endpoints.need(ws, made["id"])
        assert endpoints.pipeline_id(again) == second["id"] and endpoints.pipeline_id(again, "0") == first["id"]
        with pytest.raises(InvalidInput, match=r"no version '7'. Expected one of '0', '1'"):
            endpoints.pipeline_id(again, "7")
        with pytest.raises(InvalidInput, match="no version '7'"):
            endpoints.set_default(ws, made["id"], "7")

    def test_its_dag_stays_and_serves_the_default_version(self, ws: WorkspaceStore) -> None:
        first = published(ws)
        second = published(ws, graph=replace(GRAPH, description="another"))
        made = endpoints.publish(ws, "score", None, first["id"])
        served = dags.get(ws, made["dag_id"])
        assert served is not None
        assert (served["graph"], served["kind"], served["id"]) == (first["graph"], "endpoint", made["id"])
        endpoints.add(ws, made["id"], second["id"])
        endpoints.set_default(ws, made["id"], "1")
        endpoints.set_name(ws, made["id"], "rated")
        served = dags.get(ws, made["dag_id"])
        assert served is not None
        assert (served["graph"], served["version"], served["display_name"]) == (second["graph"], "1", "rated")

    def test_it_takes_no_runs_while_its_default_is_disabled(self, ws: WorkspaceStore) -> None:
        first = published(ws)
        made = endpoints.publish(ws, "score", None, first["id"])
        pipelines.set_status(ws, first["id"], pipelines.DISABLED)
        assert "retired" in (dags.get(ws, made["dag_id"]) or {})
        pipelines.set_status(ws, first["id"], pipelines.ACTIVE)
        assert "retired" not in (dags.get(ws, made["dag_id"]) or {})

    def test_a_name_belongs_to_one_endpoint(self, ws: WorkspaceStore) -> None:
        first = published(ws)
        made = endpoints.publish(ws, "score", None, first["id"])
        other = endpoints.publish(ws, "other", None, first["id"])
        with pytest.raises(InvalidInput, match="a pipeline endpoint 'score' already"):
            endpoints.publish(ws, "score", None, first["id"])
        with pytest.raises(InvalidInput, match="'score' already"):
            endpoints.set_name(ws, other["id"], "score")
        endpoints.set_status(ws, made["id"], endpoints.ARCHIVED)
        assert endpoints.get(ws, name="score") is None
        endpoints.set_name(ws, other["id"], "score")
        with pytest.raises(InvalidInput, match="'score' already"):
            endpoints.set_name(ws, made["id"], "score", endpoints.ACTIVE)
        endpoints.set_name(ws, made["id"], "back", endpoints.ACTIVE)
        assert {item["name"] for item in endpoints.list_endpoints(ws)} == {"score", "back"}
        assert endpoints.get(ws, name="other") is None

    def test_of_many_that_want_a_name_at_once_one_gets_it(self, ws: WorkspaceStore) -> None:
        first = published(ws)
        won: list[str] = []
        lost: list[Exception] = []

        def work() -> None:
            try:
                won.append(endpoints.publish(ws, "wanted", None, first["id"])["id"])
            except InvalidInput as error:
                lost.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 7)
        assert [item["id"] for item in endpoints.list_endpoints(ws, active_only=False)] == won
        assert endpoints.need(ws, name="wanted")["id"] == won[0]

    def test_processes_that_add_at_once_get_versions_of_their_own(self, ws: WorkspaceStore) -> None:
        first = published(ws)
        made = endpoints.publish(ws, "busy", None, first["id"])
        context = multiprocessing.get_context("fork")
        answers: multiprocessing.Queue[str] = context.Queue()
        processes = [
            context.Process(target=_add_versions, args=(ws.root, made["id"], first["id"], 10, answers))
            for _ in range(4)
        ]
        for process in processes:
            process.start()
        got = [answers.get(timeout=30) for _ in range(40)]
        for process in processes:
            process.join()
        assert sorted(map(int, got)) == list(range(1, 41))
        assert len(endpoints.need(ws, made["id"])["versions"]) == 41

    def test_one_that_was_left_half_made_is_not_there(self, ws: WorkspaceStore) -> None:
        first = published(ws)
        endpoints.publish(ws, "whole", None, first["id"])
        ws.write_json("endpoints/half/endpoint.json", {"id": "half", "created": 1.0})
        assert [item["name"] for item in endpoints.list_endpoints(ws, active_only=False)] == ["whole"]
        assert endpoints.get(ws, "half") is None

    def test_neither_id_nor_name_and_names_that_are_there(self, ws: WorkspaceStore) -> None:
        endpoints.publish(ws, "score", None, published(ws)["id"])
        with pytest.raises(InvalidInput, match="Neither an id nor a name"):
            endpoints.get(ws)
        with pytest.raises(UserErrorException, match="It has 'score'"):
            endpoints.need(ws, name="../../score")


class TestDrafts:
    def test_a_draft_is_kept_changed_and_forgotten(self, ws: WorkspaceStore) -> None:
        digest = graphs.put_graph(ws, GRAPH)
        made = drafts.create(ws, digest, name="d", tags={"a": "b"}, parameters={"rate": 0.1})
        drafts.create(ws, digest, name="e")
        assert [item["id"] for item in drafts.list_drafts(ws, {"a": "b"})] == [made["id"]]
        drafts.update(ws, made["id"], name="renamed")
        assert drafts.need(ws, made["id"])["parameters"] == {"rate": 0.1}
        assert drafts.need(ws, made["id"])["name"] == "renamed"
        drafts.delete(ws, made["id"])
        drafts.delete(ws, made["id"])
        with pytest.raises(UserErrorException, match="no pipeline draft"):
            drafts.need(ws, made["id"])


class TestModules:
    def definition(self, **more: object) -> dict:
        interface = {"inputs": [], "outputs": [], "params": {}}
        return {"script": "a.py", "snapshot": "0" * 64, "interface": interface, "description": "d", **more}

    def test_the_version_that_a_step_gets(self, ws: WorkspaceStore) -> None:
        made = modules.create(ws, "mine", None)["id"]
        with pytest.raises(InvalidInput, match="no version in use"):
            modules.resolve(ws, made)
        for label in ("1.9", "1.10", "1.2"):
            modules.publish(ws, made, self.definition(), label)
        assert modules.resolve(ws, made)["version"] == "1.10"  # the highest, though not the newest
        assert modules.resolve(ws, made, "1.2")["version"] == "1.2"
        modules.change(ws, made, default_version="1.9")
        assert modules.resolve(ws, made)["version"] == "1.9"
        modules.change_version(ws, made, "1.9", status=modules.DISABLED)
        assert modules.resolve(ws, made)["version"] == "1.10"
        with pytest.raises(InvalidInput, match=r"no version '1.9' in use. Expected one of '1.10', '1.2'"):
            modules.resolve(ws, made, "1.9")
        modules.publish(ws, made, self.definition(), "beta")
        assert modules.resolve(ws, made)["version"] == "beta"  # not all are numbers: the newest
        modules.change(ws, made, status=modules.DISABLED)
        with pytest.raises(UserErrorException, match="'mine' is disabled"):
            modules.resolve(ws, made)

    def test_versions_never_change_and_number_themselves(self, ws: WorkspaceStore) -> None:
        made = modules.create(ws, "mine", None)["id"]
        assert [modules.publish(ws, made, self.definition())["version"] for _ in range(2)] == ["1", "2"]
        with pytest.raises(InvalidInput, match="has a version '1' already"):
            modules.publish(ws, made, self.definition(script="b.py"), "1")
        found = modules.version(ws, made, "2")
        assert modules.version_of_id(ws, found["id"]) == found
        with pytest.raises(InvalidInput, match="no id of a module version"):
            modules.version_of_id(ws, "nothing")

    def test_names(self, ws: WorkspaceStore) -> None:
        made = modules.create(ws, "mine", "d")["id"]
        modules.create(ws, "other", None)
        with pytest.raises(InvalidInput, match="module 'other' already"):
            modules.change(ws, made, name="other")
        modules.change(ws, made, name="renamed", description="e")
        assert modules.need(ws, name="renamed")["id"] == made
        with pytest.raises(UserErrorException, match=r"no module 'mine'.*It has 'other', 'renamed'"):
            modules.need(ws, name="mine")
        with pytest.raises(InvalidInput, match="Neither an id nor a name"):
            modules.need(ws)

    def test_a_module_made_again_takes_the_name_and_leaves_the_other_its_id(self, ws: WorkspaceStore) -> None:
        first = modules.create(ws, "mine", None)["id"]
        modules.publish(ws, first, self.definition(), "1")
        second = modules.create(ws, "mine", None)["id"]
        modules.publish(ws, second, self.definition(script="b.py"), "1")
        assert modules.need(ws, name="mine")["id"] == second
        assert modules.resolve(ws, first)["script"] != modules.resolve(ws, second)["script"] == "b.py"
        modules.change(ws, first, name="older")
        assert modules.need(ws, name="mine")["id"] == second and modules.need(ws, name="older")["id"] == first


def test_documents_hold_no_place_and_no_secret(ws: WorkspaceStore) -> None:
    made = published(ws)
    endpoints.publish(ws, "score", None, made["id"])
    for entry in ws.store.list(""):
        text = ws.store.read(entry.path).decode()
        json.loads(text)
        assert "/somewhere" not in text and "mlsteps_w" not in text, entry.path
