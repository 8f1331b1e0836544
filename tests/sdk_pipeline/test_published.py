"""Published pipelines, endpoints, drafts and modules by the SDK's classes, on a real workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput, UnsupportedFeature, UserErrorException
from mlsteps.registry import dags, graphs
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.datapath import DataPath, DataPathComputeBinding
from mlsteps.sdk.draft import PipelineDraft
from mlsteps.sdk.endpoint import PipelineEndpoint
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.module import Module, ModuleVersion
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.pipeline_run import PipelineRun
from mlsteps.sdk.ports import InputPortDef, OutputPortDef
from mlsteps.sdk.published import PublishedPipeline
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.steps.module import ModuleStep
from mlsteps.sdk.workspace import Workspace


@pytest.fixture
def pipeline(workspace: Workspace, step: Callable[..., object]) -> Pipeline:
    return Pipeline(workspace, [step("prepare"), step("train", arguments=["--rate", PipelineParameter("rate", 0.5)])])


class TestPublishedPipeline:
    def test_what_was_published_stays_what_the_pipeline_was_changed_to_later(
        self, workspace: Workspace, pipeline: Pipeline, source: Path
    ) -> None:
        made = pipeline.publish(name="trees", description="d", version="1.0", continue_on_step_failure=True)
        (source / "train.py").write_text("print('changed')\n")
        again = pipeline.publish("trees")
        assert made.graph_id != again.graph_id
        found = PublishedPipeline.get(workspace, made.id)
        assert vars(found) == vars(made)
        assert (found.name, found.description, found.version, found.status) == ("trees", "d", "1.0", "Active")
        assert (found.total_run_steps, found.continue_on_step_failure) == (2, True)
        assert found.get_step_names() == ["prepare", "train"]
        nodes = found.get_graph().steps
        assert all(node.snapshot and node.source_directory is None for node in nodes)
        assert nodes[0].snapshot != again.get_graph().steps[0].snapshot

    def test_an_unchanged_pipeline_is_published_again_under_another_id(self, pipeline: Pipeline) -> None:
        one, two = pipeline.publish("a"), pipeline.publish("b")
        assert one.id != two.id and one.graph_id == two.graph_id

    def test_list_enable_disable(self, workspace: Workspace, pipeline: Pipeline) -> None:
        one, two = pipeline.publish("one"), pipeline.publish("two")
        one.disable()
        assert one.status == "Disabled" and PublishedPipeline.get(workspace, one.id).status == "Disabled"
        assert [item.name for item in PublishedPipeline.list(workspace)] == ["two"]
        assert [item.id for item in PublishedPipeline.get_all(workspace, active_only=False)] == [two.id, one.id]
        with pytest.raises(UserErrorException, match="is disabled"):
            one.submit(workspace, "experiment")
        one.enable()
        assert {item.name for item in PublishedPipeline.list(workspace)} == {"one", "two"}

    def test_publishing_without_a_name_takes_the_description(self, workspace: Workspace, step) -> None:
        assert Pipeline(workspace, [step("a")], description="nightly").publish().name == "nightly"
        assert Pipeline(workspace, [step("a")]).publish().name == "Pipeline"

    def test_wrong_parameters_are_refused_before_anything_starts(
        self, workspace: Workspace, pipeline: Pipeline
    ) -> None:
        made = pipeline.publish("trees")
        with pytest.raises(InvalidInput, match=r"holds 'depth'.*only 'rate'"):
            made.submit(workspace, "experiment", pipeline_parameters={"depth": 3})
        with pytest.raises(InvalidInput, match="'rate' is given 'fast'"):
            Experiment(workspace, "experiment").submit(made, pipeline_parameters={"rate": "fast"})
        with pytest.raises(InvalidInput, match="for a PipelineEndpoint only"):
            Experiment(workspace, "experiment").submit(made, pipeline_version="1")
        assert Experiment.list(workspace) == []

    def test_unknown_ids(self, workspace: Workspace) -> None:
        with pytest.raises(UserErrorException, match="no published pipeline 'nothing'"):
            PublishedPipeline.get(workspace, "nothing")
        with pytest.raises(UnsupportedFeature, match="PublishedPipeline.save"):
            PublishedPipeline("n", "g", None, None, "i", "Active", "http://e", 1, workspace).save()

    def test_an_endpoint_that_is_given_is_told(self, workspace: Workspace) -> None:
        made = PublishedPipeline("n", "g", None, None, "i", "Active", "http://e", 1, workspace)
        assert made.endpoint == "http://e"

    def test_from_a_run_that_was(self, workspace: Workspace, pipeline: Pipeline) -> None:
        digest = pipeline.publish("first").graph_id
        runs = workspace._run_store()
        runs.create("r1", experiment="e", type="azureml.PipelineRun", graph=graphs.graph_path(digest))
        run = PipelineRun.get(workspace, "r1")
        assert [node.name for node in run.get_graph().steps] == ["prepare", "train"]
        made = run.publish_pipeline("of the run", "d", "1")
        assert (made.name, made.version, made.graph_id) == ("of the run", "1", digest)

    def test_runs_of_a_pipeline_are_found_by_its_id(self, workspace: Workspace) -> None:
        runs = workspace._run_store()
        for number, pipeline_id in enumerate(["p", "q", "p"]):
            runs.create(f"r{number}", experiment=f"e{number}", type="azureml.PipelineRun", pipeline_id=pipeline_id)
        assert [run.id for run in PipelineRun.get_pipeline_runs(workspace, "p")] == ["r2", "r0"]

    def test_data_parameters_keep_their_defaults(self, workspace: Workspace, step) -> None:
        store = workspace.get_default_datastore()
        path = PipelineParameter("where", DataPath(store, "in"))
        pair = (path, DataPathComputeBinding())
        made = Pipeline(workspace, [step("a", arguments=[pair], inputs=[pair])]).publish("paths")
        (parameter,) = made.get_graph().parameters
        assert (parameter.type, parameter.default) == ("datapath", {"datastore": store.name, "path": "in"})


class TestPipelineEndpoint:
    def test_versions_and_default(self, workspace: Workspace, pipeline: Pipeline) -> None:
        first = pipeline.publish("first")
        made = PipelineEndpoint.publish(workspace=workspace, name="score", pipeline=first, description="d")
        assert (made.get_default_version(), made.get_pipeline().id) == ("0", first.id)
        made.add(pipeline)
        assert (made.default_version, [item.version for item in made.pipeline_version_list]) == ("0", ["0", "1"])
        made.add_default(pipeline.publish("third"))
        assert (made.default_version, made.get_pipeline().name) == ("2", "third")
        made.set_default(first)
        assert made.default_version == "0"
        made.set_default_version("1")
        again = PipelineEndpoint.get(workspace, name="score")
        assert (again.id, again.default_version, again.description) == (made.id, "1", "d")
        assert again.get_pipeline("1").name == "score"  # a Pipeline is published under the endpoint's name
        assert [item.pipeline.name for item in again.list_versions()] == ["first", "score", "third"]
        again.get_pipeline("2").disable()
        assert [item.name for item in again.list_pipelines()] == ["first", "score"]
        assert len(again.get_all_pipelines(active_only=False)) == 3

    def test_state_and_name(self, workspace: Workspace, pipeline: Pipeline) -> None:
        made = PipelineEndpoint.publish(workspace, "score", "d", pipeline)
        made.disable()
        assert made.status == "Disabled" and PipelineEndpoint.list(workspace) == []
        with pytest.raises(UserErrorException, match="'score' .* is disabled"):
            made.submit("experiment")
        made.enable()
        made.set_name("rated")
        assert [item.name for item in PipelineEndpoint.list(workspace)] == ["rated"]
        made.archive()
        assert made.status == "Archived"
        assert [item.id for item in PipelineEndpoint.get_all(workspace, active_only=False)] == [made.id]
        made.reactivate("back")
        assert PipelineEndpoint.get(workspace, id=made.id).name == "back"
        assert len(PipelineEndpoint.list(workspace, max_results=0)) == 0

    def test_a_taken_name_publishes_nothing(self, workspace: Workspace, pipeline: Pipeline) -> None:
        made = PipelineEndpoint.publish(workspace, "score", "d", pipeline)
        with pytest.raises(ValueError, match="'score' already"):
            PipelineEndpoint.publish(workspace, "score", "d", pipeline)
        assert len(PublishedPipeline.list(workspace)) == 1
        with pytest.raises(ValueError, match="no version of the pipeline"):
            made.set_default(pipeline.publish("stranger"))
        with pytest.raises(UnsupportedFeature, match="A str as a version"):
            made.add("pipeline")
        with pytest.raises(InvalidInput, match="no version '9'"):
            made.submit("experiment", pipeline_version="9")


class TestPipelineDraft:
    def test_it_is_changed_until_it_is_published(self, workspace: Workspace, pipeline: Pipeline) -> None:
        made = PipelineDraft.create(
            workspace, pipeline, name="d", pipeline_parameters={"rate": 0.25}, tags={"by": "me"}, properties={"p": "q"}
        )
        assert PipelineDraft.get(workspace, made.id).properties == {"p": "q"}
        made.update(name="e", experiment_name="x", tags={"by": "you"})
        assert (made.name, made.experiment_name, made.tags) == ("e", "x", {"by": "you"})
        assert [item.id for item in PipelineDraft.list(workspace, {"by": "you"})] == [made.id]
        assert PipelineDraft.list(workspace, {"by": "me"}) == []
        published = made.publish()
        assert published.name == "e" and published.get_graph().parameters[0].default == 0.25
        copy = PipelineDraft.create(workspace, made)
        assert (copy.parent_pipeline_draft_id, copy.graph_draft_id) == (made.id, made.graph_draft_id)
        assert (copy.name, copy.experiment_name, copy.tags) == ("e", "x", {"by": "you"})
        assert copy.publish().get_graph().parameters[0].default == 0.25
        other = PipelineDraft.create(workspace, made, name="f", pipeline_parameters={"rate": 0.5})
        assert (other.name, other.publish().get_graph().parameters[0].default) == ("f", 0.5)
        assert PipelineDraft.create(workspace, published).parent_pipeline_id == published.id
        made.delete()
        with pytest.raises(UserErrorException, match="no pipeline draft"):
            PipelineDraft.get(workspace, made.id)

    def test_one_of_a_run_begins_with_what_the_run_had(self, workspace: Workspace, pipeline: Pipeline) -> None:
        from mlsteps.registry import graphs
        from mlsteps.sdk.experiment import Experiment
        from mlsteps.sdk.pipeline_run import PipelineRun

        digest = pipeline.publish("p").graph_id
        head = {"graph": graphs.graph_path(digest), "parameters": {"rate": 0.75}, "continue_on_step_failure": True}
        workspace._run_store().create("r", experiment="tries", type="azureml.PipelineRun", **head)
        made = PipelineDraft.create(workspace, PipelineRun(Experiment(workspace, "tries"), "r"))
        assert (made.experiment_name, made.parent_pipeline_run_id) == ("tries", "r")
        document = made._document()
        assert (document["parameters"], document["continue_on_step_failure"]) == ({"rate": 0.75}, True)

    def test_another_pipeline_drops_the_parameters_that_it_does_not_have(
        self, workspace: Workspace, pipeline: Pipeline, step
    ) -> None:
        made = PipelineDraft.create(workspace, pipeline, pipeline_parameters={"rate": 0.25})
        made.update(pipeline=Pipeline(workspace, [step("alone")]))
        assert made._document()["parameters"] == {} and [node.name for node in made.get_graph().steps] == ["alone"]

    def test_what_is_wrong_is_said(self, workspace: Workspace, pipeline: Pipeline) -> None:
        made = PipelineDraft.create(workspace, pipeline)
        with pytest.raises(InvalidInput, match="names no experiment"):
            made.submit_run()
        with pytest.raises(InvalidInput, match="holds 'depth'"):
            made.update(pipeline_parameters={"depth": 1})
        with pytest.raises(UnsupportedFeature, match="A draft of a str"):
            PipelineDraft.create(workspace, "pipeline")


class TestModules:
    @pytest.fixture
    def module(self, workspace: Workspace) -> Module:
        return Module.create(workspace, name="adder", description="adds")

    def publish(self, module: Module, source: Path, **more: object) -> ModuleVersion:
        inputs, outputs = [InputPortDef("numbers")], [OutputPortDef("total")]
        given: dict = {
            "inputs": inputs,
            "outputs": outputs,
            "params": {"start": 12},
            "arguments": ["--in", inputs[0], "--out", outputs[0], "--by", PipelineParameter("by", 1)],
            "source_directory": source,
            **more,
        }
        return module.publish_python_script("train.py", "d", **given)

    def step(self, workspace: Workspace, module: Module, **more: object) -> ModuleStep:
        given = {
            "inputs_map": {"numbers": DataReference(workspace.get_default_datastore(), "raw", "in")},
            "outputs_map": {"total": PipelineData("sum", datastore=workspace.get_default_datastore())},
            "compute_target": "cpu",
            **more,
        }
        return ModuleStep(module, **given)  # type: ignore[arg-type]

    def test_a_step_runs_the_script_of_its_version(self, workspace: Workspace, module: Module, source: Path) -> None:
        made = self.publish(module, source)
        (node,) = Pipeline(workspace, [self.step(workspace, module, params={"start": 13})]).graph.steps
        assert (node.type, node.name, node.script) == ("PythonScript", "adder", "train.py")
        assert node.snapshot == made._entity["snapshot"] and node.source_directory is None
        assert node.arguments == ("--in", {"input": "raw"}, "--out", {"output": "sum"}, "--by", {"parameter": "by"})
        assert node.parameters == {"start": 13}
        (node,) = Pipeline(workspace, [self.step(workspace, module, arguments=["alone"], name="n")]).graph.steps
        assert (node.arguments, node.parameters, node.name) == (("alone",), {"start": 12}, "n")

    def test_a_default_gives_way_to_a_pipeline_parameter_of_its_name(
        self, workspace: Workspace, module: Module, source: Path
    ) -> None:
        self.publish(module, source)
        arguments = ["--start", PipelineParameter("start", 17)]
        (node,) = Pipeline(workspace, [self.step(workspace, module, arguments=arguments)]).graph.steps
        assert (node.arguments, node.parameters) == (("--start", {"parameter": "start"}), {})
        step = self.step(workspace, module, arguments=arguments, params={"start": 13})
        assert Pipeline(workspace, [step]).graph.steps[0].parameters == {"start": 13}

    def test_the_version_of_the_moment_of_submission_counts(
        self, workspace: Workspace, module: Module, source: Path
    ) -> None:
        self.publish(module, source)
        pipeline = Pipeline(workspace, [self.step(workspace, module)])
        (source / "train.py").write_text("print('better')\n")
        better = self.publish(module, source, is_default=True)
        assert pipeline.graph.steps[0].snapshot != better._entity["snapshot"]
        assert pipeline.publish("p").get_graph().steps[0].snapshot == better._entity["snapshot"]
        fixed = Pipeline(workspace, [self.step(workspace, module, version="1")])
        assert fixed.publish("q").get_graph().steps[0].snapshot != better._entity["snapshot"]
        self.publish(module, source, is_default=True, inputs=[], arguments=[])
        with pytest.raises(InvalidInput, match="other ports or parameters than the one that step 'adder'"):
            pipeline.publish("p")

    def test_ports_and_parameters_must_be_the_modules(self, workspace: Workspace, module: Module, source: Path) -> None:
        with pytest.raises(InvalidInput, match="no version in use"):
            self.step(workspace, module)
        self.publish(module, source)
        for wrong, message in (
            ({"inputs_map": {}}, "inputs_map of ModuleStep 'adder' leaves out 'numbers'"),
            ({"outputs_map": {"sum": PipelineData("sum")}}, "outputs_map of ModuleStep 'adder' maps 'sum'"),
            ({"params": {"end": 1}}, r"params of ModuleStep 'adder' names \['end'\]. Expected the module's: 'start'"),
        ):
            with pytest.raises(InvalidInput, match=message):
                self.step(workspace, module, **wrong)

    def test_what_cannot_be_published(self, workspace: Workspace, module: Module, source: Path) -> None:
        with pytest.raises(InvalidInput, match="no file 'train.py'"):
            self.publish(module, source.parent)
        with pytest.raises(InvalidInput, match="none of its ports"):
            self.publish(module, source, arguments=[InputPortDef("stranger")])
        with pytest.raises(InvalidInput, match="Two ports of the module are called 'a'"):
            self.publish(module, source, inputs=[InputPortDef("a"), InputPortDef("a")], arguments=None)
        with pytest.raises(UnsupportedFeature, match="Module.publish"):
            module.publish("d", "esCloud", [], [])
        assert module.module_version_list() == []

    def test_versions_by_hand(self, workspace: Workspace, module: Module, source: Path) -> None:
        config = RunConfiguration()
        config.environment.environment_variables = {"A": "B"}
        config.target = "gpu"
        first = self.publish(module, source, version="v1", category="c", runconfig=config)
        second = self.publish(module, source, version="v2")
        assert [item.version for item in Module.get_versions(workspace, "adder")] == ["v1", "v2"]
        assert module.resolve().version == "v2"
        module.set_default_version(first.module_version_id)
        assert (module.get_default_version(), module.get_default().version) == ("v1", "v1")
        found = ModuleVersion.get(workspace, first.module_version_id)
        assert (found.version, found.category, found.status, found.module().id) == ("v1", "c", "Active", module.id)
        assert (found.runconfig.target, second.runconfig) == ("gpu", None)
        assert found.interface["params"] == {"start": 12}
        (node,) = Pipeline(workspace, [self.step(workspace, module, compute_target=None)]).graph.steps
        assert node.compute["name"] == "gpu"
        found.deprecate()
        assert ModuleVersion.get(workspace, first.module_version_id).status == "Deprecated"
        found.disable()
        assert module.resolve().version == "v2"
        module.set_name("summer")
        module.set_description("sums")
        module.disable()
        again = Module.get(workspace, name="summer")
        assert (again.id, again.description, again.status) == (module.id, "sums", "Disabled")


def test_nothing_is_served_that_was_not_published(workspace: Workspace, pipeline: Pipeline) -> None:
    PipelineDraft.create(workspace, pipeline)
    Module.create(workspace, "m", "d")
    assert dags.names(workspace._store()) == []
