"""Steps: what their constructors take and refuse, and the nodes they become."""

from __future__ import annotations

import os

import pytest

from mlsteps.errors import GraphError, InvalidInput, UnsupportedFeature
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.environment import Environment
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.script_run_config import ScriptRunConfig
from mlsteps.sdk.sequence import StepSequence
from mlsteps.sdk.steps.azure_batch import AzureBatchStep
from mlsteps.sdk.steps.base import PipelineStep
from mlsteps.sdk.steps.command import CommandStep
from mlsteps.sdk.steps.data_transfer import DataTransferStep
from mlsteps.sdk.steps.databricks import DatabricksStep
from mlsteps.sdk.steps.estimator import EstimatorStep
from mlsteps.sdk.steps.hyper_drive import HyperDriveStep
from mlsteps.sdk.steps.kusto import KustoStep
from mlsteps.sdk.steps.module import ModuleStep
from mlsteps.sdk.steps.mpi import MpiStep
from mlsteps.sdk.steps.parallel_run import ParallelRunConfig, ParallelRunStep
from mlsteps.sdk.steps.parallel_run_config import mini_batch
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.steps.r_script import RScriptStep
from mlsteps.sdk.steps.synapse import SynapseSparkStep


def node_of(workspace, step, **options):
    return Pipeline(workspace, step, **options).graph.steps[-1]


class TestPythonScriptStep:
    def test_name_target_and_hash_paths(self, workspace, source):
        with pytest.warns(UserWarning, match="taken as compute_target"):
            step = PythonScriptStep("train.py", target="cpu", source_directory=source, hash_paths=["train.py"])
        node = node_of(workspace, step)
        assert (node.name, node.id, node.compute) == ("train.py", "train.py", {"name": "cpu"})

    def test_other_keywords_are_refused(self):
        with pytest.raises(TypeError, match="'colour'"):
            PythonScriptStep("train.py", colour="red")
        with pytest.raises(InvalidInput, match="both compute_target and target"):
            PythonScriptStep("train.py", compute_target="a", target="b")

    def test_source_directories(self, workspace, source, monkeypatch):
        monkeypatch.chdir(source)
        assert node_of(workspace, PythonScriptStep("train.py")).source_directory == os.getcwd()
        monkeypatch.chdir(source.parent)
        default = node_of(workspace, PythonScriptStep("train.py"), default_source_directory=source)
        assert default.source_directory == str(source)
        assert node_of(workspace, PythonScriptStep("train.py", source_directory="source")).source_directory == str(
            source
        )
        with pytest.raises(GraphError, match=r"no file 'train\.py'"):
            Pipeline(workspace, PythonScriptStep("train.py"))

    def test_the_run_configuration_says_environment_variables_target_and_settings(self, workspace, source):
        config = RunConfiguration()
        config.environment = Environment("mine")
        config.environment_variables = {"A": "1"}
        config.target = "cluster"
        config.node_count = 3
        steps = [
            PythonScriptStep("train.py", name=name, runconfig=config, source_directory=source, compute_target=target)
            for name, target in (("a", None), ("b", ("other", "AmlCompute")))
        ]
        graph = Pipeline(workspace, steps).graph
        first, second = graph.steps
        assert first.environment == second.environment == "mine" and list(graph.environments) == ["mine"]
        assert (first.environment_variables, first.settings["node_count"]) == ({"A": "1"}, 3)
        assert (first.compute, second.compute) == ({"name": "cluster"}, {"name": "other", "type": "AmlCompute"})

    def test_environments_of_one_name_and_other_content_have_keys_of_their_own(self, workspace, source):
        steps = []
        for number, interpreter in enumerate(("python3", "python3", "/other")):
            config = RunConfiguration()
            config.environment = Environment("mine")
            config.environment.python.interpreter_path = interpreter
            config.environment.python.user_managed_dependencies = True
            steps.append(PythonScriptStep("train.py", name=str(number), runconfig=config, source_directory=source))
        graph = Pipeline(workspace, steps).graph
        assert [node.environment for node in graph.steps] == ["mine", "mine", "mine_2"]

    def test_what_is_no_run_configuration_is_refused(self):
        with pytest.raises(InvalidInput, match=r"RunConfiguration\.load"):
            PythonScriptStep("train.py", runconfig="default.runconfig")
        with pytest.raises(InvalidInput, match="NodeCount"):
            PythonScriptStep("train.py", runconfig_pipeline_params={"Nodes": PipelineParameter("n", 1)})

    @pytest.mark.parametrize("target", [3, ["cpu"], PipelineParameter("c", "cpu"), ("a", "b", "c")])
    def test_what_is_no_compute_target_is_a_fault(self, workspace, source, target):
        with pytest.raises(GraphError, match=r"steps\[0\]\.compute"):
            Pipeline(workspace, PythonScriptStep("train.py", source_directory=source, compute_target=target))


class TestPipelineStep:
    def test_lists_are_lists(self):
        for field in ("inputs", "outputs", "arguments"):
            with pytest.raises(InvalidInput, match=f"{field} of step"):
                PythonScriptStep("train.py", **{field: PipelineData("x")})
            with pytest.raises(InvalidInput, match=f"{field} of step"):
                PythonScriptStep("train.py", **{field: "text"})

    def test_run_after_takes_one_step(self):
        a, b = PythonScriptStep("a.py"), PythonScriptStep("b.py")
        a.run_after(b)
        a.run_after(b)
        assert a.run_after_steps == [b]
        with pytest.raises(InvalidInput, match="once for each step"):
            a.run_after([b])
        with pytest.raises(InvalidInput, match="StepSequence"):
            StepSequence([a, "b"])

    def test_validate_arguments_is_the_sdk_s(self):
        data, other = PipelineData("data"), PipelineData("other")
        PipelineStep.validate_arguments(["--x", data, 1, other], [data.as_download("n")], [other])
        with pytest.raises(ValueError, match="neither an input nor an output"):
            PipelineStep.validate_arguments(["--x", data], [], [other])

    def test_step_types_of_one_s_own_are_refused_by_name(self, workspace):
        class OwnStep(PipelineStep):
            pass

        with pytest.raises(UnsupportedFeature, match="OwnStep"):
            Pipeline(workspace, OwnStep("own", [], []))


class TestCommandStep:
    @pytest.mark.parametrize(
        ("command", "name", "expected"),
        [
            ("python train.py && ls", "python", "python train.py && ls"),
            (["python", "train.py", "--n", "3"], "python", ("python", "train.py", "--n", "3")),
            (["python train.py", "--n", 'say "a b"'], "python", ("python", "train.py", "--n", "say", "a b")),
            (["echo", "a", 3, ">", "file"], "echo", ("/bin/sh", "-c", "echo a 3 > file", "sh")),
            (["echo", "don't"], "echo", ("echo", "don't")),
        ],
    )
    def test_commands(self, workspace, source, command, name, expected):
        node = node_of(workspace, CommandStep(command, source_directory=source))
        assert (node.name, node.command, node.script, node.arguments) == (name, expected, None, ())

    def test_a_text_holds_references(self, workspace, source):
        data = PipelineData("data")
        node = node_of(workspace, CommandStep(f"cp x {data}/y", outputs=[data], source_directory=source))
        assert node.command == {"join": ["cp x ", {"output": "data"}, "/y"]}

    def test_a_list_holds_parameters_and_data(self, workspace, source):
        data, seed = PipelineData("data"), PipelineParameter("seed", 1)
        node = node_of(workspace, CommandStep(["run", seed, data], outputs=[data], source_directory=source))
        assert node.command == ("run", {"parameter": "seed"}, {"output": "data"})

    def test_values_in_a_line_for_a_shell_are_never_read_as_shell_text(self, workspace, source, tmp_path):
        import subprocess

        from mlsteps.contracts.arguments import resolve

        evil = PipelineParameter("evil", "x; touch owned; $(touch owned) `touch owned` ' \" end")
        data = PipelineData("data")
        step = CommandStep(["echo", evil, f"--at={data}", "&&", "ls", data], outputs=[data], source_directory=source)
        values = {"evil": evil.default_value, "data": "a folder"}
        (tmp_path / "a folder").mkdir()
        argv = [resolve(item, lambda kind, name: values[name]) for item in node_of(workspace, step).command]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, f"{evil.default_value} --at=a folder\n")
        assert not (tmp_path / "owned").exists()

    def test_a_script_run_config_brings_its_script_and_folder(self, workspace, source):
        config = ScriptRunConfig(str(source), script="train.py", arguments=["--n", 2])
        node = node_of(workspace, CommandStep(name="c", runconfig=config))
        assert node.command == ("python", "train.py", "--n", 2) and node.source_directory == str(source)

    def test_no_command(self):
        with pytest.raises(InvalidInput, match="no command"):
            CommandStep(name="c", runconfig=RunConfiguration())

    def test_faults_name_the_command(self, workspace, source):
        with pytest.raises(GraphError, match=r"steps\[0\]\.command\[1\]"):
            Pipeline(workspace, CommandStep(["run", None], source_directory=source))


class TestParallelRunStep:
    def config(self, **changes):
        options = {
            "environment": Environment("e"),
            "entry_script": "train.py",
            "error_threshold": -1,
            "output_action": "append_row",
            "compute_target": "cpu",
            "node_count": 2,
        }
        return ParallelRunConfig(**{**options, **changes})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"error_threshold": -2},
            {"error_threshold": "5"},
            {"output_action": "append"},
            {"node_count": 0},
            {"run_max_try": 0},
            {"run_invocation_timeout": -1},
            {"allowed_failed_percent": 101},
            {"logging_level": "LOUD"},
            {"mini_batch_size": "10 apples"},
            {"mini_batch_size": 0},
            {"partition_keys": ["a"], "mini_batch_size": 1},
            {"partition_keys": 3},
            {"entry_script": ""},
        ],
    )
    def test_values_out_of_range(self, wrong):
        with pytest.raises(InvalidInput):
            self.config(**wrong)

    @pytest.mark.parametrize(
        ("text", "parsed"), [("5", (5, "")), (5, (5, "")), ("1KB", (1, "kb")), ("400Kb", (400, "kb")), (None, None)]
    )
    def test_mini_batch_sizes_seen_in_the_wild(self, text, parsed):
        assert mini_batch(text) == parsed

    def test_the_node_tells_parts_from_sides(self, workspace, source):
        store = workspace.get_default_datastore()
        images = Dataset.File.from_files((store, "i")).as_named_input("images").as_mount()
        model = Dataset.File.from_files((store, "m")).as_named_input("model").as_mount()
        out, tries = PipelineData("scores"), PipelineParameter("tries", 2)
        config = self.config(source_directory=source, run_max_try=tries, partition_keys='["a", "b"]')
        step = ParallelRunStep("score-all", config, [images], out, [model], ["--model", model, "--out", out])
        node = node_of(workspace, step)
        assert (node.type, node.script, node.environment, node.settings) == (
            "ParallelRun",
            "train.py",
            "e",
            {"node_count": 2},
        )
        assert (node.payload["inputs"], node.payload["side_inputs"], node.payload["output"]) == (
            ["images"],
            ["model"],
            "scores",
        )
        assert node.payload["run_max_try"] == {"parameter": "tries"} and node.payload["partition_keys"] == ["a", "b"]
        assert node.arguments == ("--model", {"input": "model"}, "--out", {"output": "scores"})

    @pytest.mark.parametrize("name", ["ab", "Score", "score_all", "score-", "9score", "s" * 33])
    def test_names(self, name):
        with pytest.raises(InvalidInput, match="3 to 32"):
            ParallelRunStep(name, self.config(), [PipelineData("x")], PipelineData("y"))

    def test_needs_inputs_and_an_output_and_ignores_models(self):
        with pytest.raises(InvalidInput, match="no inputs"):
            ParallelRunStep("score", self.config(), [])
        with pytest.raises(InvalidInput, match="no output"):
            ParallelRunStep("score", self.config(), [PipelineData("x")])
        with pytest.warns(UserWarning, match="models"):
            ParallelRunStep("score", self.config(output_action="summary_only"), [PipelineData("x")], models=[1])

    def test_yaml_there_and_back(self, workspace, tmp_path):
        Environment("e").register(workspace)
        path = str(tmp_path / "config.yml")
        self.config(mini_batch_size=PipelineParameter("size", "5"), environment_variables={"A": "1"}).save_to_yaml(path)
        again = ParallelRunConfig.load_yaml(workspace, path)
        assert (again.mini_batch_size, again.environment.name, again.compute_target) == ("5", "e", "cpu")
        assert again.environment_variables == {"A": "1"} and again.node_count == 2
        (tmp_path / "config.yml").write_text("colour: red\n")
        with pytest.raises(InvalidInput, match="colour"):
            ParallelRunConfig.load_yaml(workspace, path)


class TestDataTransferStep:
    def test_ends_are_ports_and_the_output_can_be_read(self, workspace, step):
        store = workspace.get_default_datastore()
        made = PipelineData("made")
        transfer = DataTransferStep("copy", made, DataReference(store, "there", "to"), "adf", "file", "file")
        reader = step("read", inputs=[transfer.get_output().as_input("copied")])
        graph = Pipeline(workspace, [reader, step("make", outputs=[made])]).graph
        copy, read = graph.step("copy"), graph.step("read")
        assert copy.upstream() == ("make",) and read.upstream() == ("copy",)
        assert (copy.outputs[0].path, copy.outputs[0].datastore, copy.outputs[0].is_directory) == (
            "to",
            store.name,
            False,
        )
        assert copy.payload["source_reference_type"] == "file" and read.inputs[0].name == "copied"

    def test_a_destination_made_by_the_pipeline(self, workspace):
        store = workspace.get_default_datastore()
        data = PipelineData("data")
        transfer = DataTransferStep("copy", DataReference(store, "from_", "x"), data, "adf")
        assert transfer.get_output() is data
        node = node_of(workspace, transfer)
        assert node.payload == {"source": "from_", "destination": "data"}
        assert node.outputs[0].path is None

    def test_sql_ends(self, workspace):
        from mlsteps.sdk.sql_reference import SqlDataReference

        store = workspace.get_default_datastore()
        query = SqlDataReference(store, "rows", sql_query="select 1")
        node = node_of(workspace, DataTransferStep("copy", query, PipelineData("d"), "adf", None, "file"))
        assert node.payload["source_sql"] == {"datastore": store.name, "sql_query": "select 1"}
        table = SqlDataReference(store, "table", sql_table="t")
        node = node_of(workspace, DataTransferStep("copy", DataReference(store, "a", "x"), table, "adf"))
        assert node.payload["destination_sql"] == {"datastore": store.name, "sql_table": "t"}
        assert (node.outputs[0].kind, node.outputs[0].datastore) == ("link_tabular", store.name)

    def test_what_is_missing_or_wrong(self, workspace):
        store = workspace.get_default_datastore()
        ends = (DataReference(store, "a", "x"), DataReference(store, "b", "y"))
        with pytest.raises(InvalidInput, match="compute_target"):
            DataTransferStep("copy", *ends)
        with pytest.raises(InvalidInput, match="folder"):
            DataTransferStep("copy", *ends, "adf", "folder")
        with pytest.raises(InvalidInput, match="destination_data_reference"):
            DataTransferStep("copy", ends[0], "text", "adf")
        with pytest.raises(InvalidInput, match=r"'copy' goes from a directory to a file\. Expected a directory"):
            DataTransferStep("copy", *ends, "adf", "directory", "file")

    def test_ends_that_do_not_go_together(self, workspace):
        from mlsteps.sdk.sql_reference import SqlDataReference

        store = workspace.get_default_datastore()
        table = SqlDataReference(store, "table", sql_table="t")
        query = SqlDataReference(store, "rows", sql_query="select 1")
        with pytest.raises(InvalidInput, match=r"a query or a procedure\. Expected a table \(sql_table\)"):
            DataTransferStep("copy", DataReference(store, "a", "x"), query, "adf")
        with pytest.raises(InvalidInput, match="Both ends of DataTransferStep 'copy' are databases"):
            DataTransferStep("copy", query, table, "adf")


class FakeHyperDriveConfig:
    """As much of a HyperDriveConfig as a step looks at."""

    def __init__(self, run_config=None, estimator=None):
        self.run_config = run_config
        self.estimator = estimator

    def _document(self):
        return {"primary_metric_name": "accuracy", "max_total_runs": 4}


class TestOtherSteps:
    def test_hyper_drive(self, workspace, source):
        metrics, model = PipelineData("metrics"), PipelineData("model")
        config = FakeHyperDriveConfig(ScriptRunConfig(str(source), script="train.py", arguments=["--out", model]))
        node = node_of(workspace, HyperDriveStep("hd", config, outputs=[model], metrics_output=metrics))
        assert (node.type, node.script, node.arguments) == ("HyperDrive", "train.py", ("--out", {"output": "model"}))
        assert node.payload["metrics_output"] == "metrics" and node.payload["hyperdrive"]["max_total_runs"] == 4
        with pytest.raises(InvalidInput, match="beside a run_config"):
            HyperDriveStep("hd", config, ["--x"])
        with pytest.raises(InvalidInput, match="neither"):
            HyperDriveStep("hd", FakeHyperDriveConfig())

    def test_mpi_and_estimator_are_scripts_with_settings(self, workspace, source):
        nodes = PipelineParameter("nodes", 2)
        step = MpiStep("m", source, "train.py", node_count=nodes, process_count_per_node=4, pip_packages=["numpy"])
        graph = Pipeline(workspace, step).graph
        node = graph.steps[0]
        assert (node.type, node.settings["node_count"], node.settings["process_count_per_node"]) == (
            "PythonScript",
            {"parameter": "nodes"},
            4,
        )
        assert "numpy" in str(graph.environments[node.environment])
        with pytest.raises(InvalidInput, match="colour"):
            MpiStep("m", source, "train.py", colour=1)
        estimator = ScriptRunConfig(str(source), script="train.py")
        node = node_of(workspace, EstimatorStep("e", estimator, ["--x", 1], compute_target="cpu"))
        assert (node.script, node.arguments, node.source_directory) == ("train.py", ("--x", 1), str(source))

    def test_r_script_module_and_kusto(self, workspace, source):
        node = node_of(workspace, RScriptStep("train.py", source_directory=source, cran_packages=["dplyr"]))
        assert (node.type, node.payload) == ("RScript", {"cran_packages": ["dplyr"]})
        node = node_of(workspace, KustoStep("k", "kusto", "db", source, PipelineData("rows"), {"n": 3}))
        assert (node.allow_reuse, node.payload, node.parameters) == (False, {"database_name": "db"}, {"n": 3})
        with pytest.raises(InvalidInput, match="exactly one"):
            ModuleStep()

    def test_databricks(self, workspace, source):
        step = DatabricksStep(
            "d", num_workers=2, node_type="n", notebook_path="/n", notebook_params={"a": 1}, compute_target="db"
        )
        node = node_of(workspace, step)
        assert node.payload == {"notebook_path": "/n", "new_cluster": {"node_type": "n", "num_workers": 2}}
        assert node.parameters == {"a": 1} and node.source_directory is None
        for wrong in (
            {},
            {"notebook_path": "/n", "python_script_path": "dbfs:/x"},
            {"main_class_name": "M"},
            {"notebook_path": "/n", "existing_cluster_id": "c", "num_workers": 1},
            {"notebook_path": "/n", "num_workers": 1, "min_workers": 1, "max_workers": 2},
            {"notebook_path": "/n"},
        ):
            with pytest.raises(InvalidInput):
                DatabricksStep("d", compute_target="db", **wrong)

    def test_synapse_and_batch(self, workspace, source):
        step = SynapseSparkStep("train.py", source, "pool", "7g", 4, "7g", 2, 1, conf={"a": "b"}, arguments=["--x"])
        node = node_of(workspace, step)
        assert (node.type, node.script, node.payload["conf"]) == ("SynapseSpark", "train.py", {"a": "b"})
        node = node_of(workspace, AzureBatchStep("b", pool_id="p", executable="run.exe", compute_target="batch"))
        assert (node.type, node.script, node.payload["pool_id"]) == ("AzureBatch", "run.exe", "p")
        with pytest.raises(InvalidInput, match="executable"):
            AzureBatchStep("b", pool_id="p", compute_target="batch")
