"""A workspace in a folder, and steps that really write files: counts executions, not calls."""

from __future__ import annotations

import time
from pathlib import Path

from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.graph import InputPort, OutputPort, PipelineGraph, StepNode
from mlsteps.contracts.record import OutputRecord, StepRecord
from mlsteps.registry.documents import get_datastore
from mlsteps.registry.records import put_manifest, put_record
from mlsteps.registry.workspaces import open_workspace
from mlsteps.reuse.planner import decide, plan
from mlsteps.storage.open import open_datastore
from mlsteps.storage.transfer import upload_tree

BLOB = "workspaceblobstore"


def step(id, reads=(), *, data=None, writes=("out",), **fields):
    """A step that reads the outputs ``out`` of other steps, and perhaps a folder of the default datastore."""
    ports = [InputPort(f"from_{name}", {"step": name, "output": "out"}) for name in reads]
    if data is not None:
        source = data if isinstance(data, dict) else {"dataset": file_definition(BLOB, data)}
        ports.append(InputPort("data", source, kind="file"))
    usual = {"script": f"{id}.py", "inputs": tuple(ports), "outputs": tuple(map(OutputPort, writes))}
    return StepNode(id=id, name=id, **{**usual, **fields})


class World:
    """What a step writes is made of its ``work`` (what its script does) and of all that it reads."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.ws = open_workspace({"name": "w", "root": str(tmp_path / "root")})
        self.store = open_datastore(get_datastore(self.ws))
        self.snapshots: dict[str, object] = {}
        self.work: dict[str, str] = {}
        self.environments: dict[str, object] = {}
        self.links: dict[str, dict] = {}
        self.executed: list[str] = []
        self.runs = 0

    def snapshots_of(self, graph):
        return {node.id: f"5nap-{node.id}" for node in graph.steps} | self.snapshots

    def plan(self, *steps, parameters=(), given=None, **options):
        graph = PipelineGraph(steps, parameters=tuple(parameters))
        return plan(
            graph,
            self.ws,
            parameters=given,
            snapshots=self.snapshots_of(graph),
            environments=self.environments,
            **options,
        )

    def run(self, *steps, given=None, **options):
        """Plan, decide what waits, run what is to be run (see ``executed``); the last decision on each step."""
        self.executed = []
        self.runs += 1
        parameters = options.pop("parameters", ())
        made = {}
        outputs = {}
        graph = PipelineGraph(steps, parameters=tuple(parameters))
        values = {item.name: item.default for item in parameters} | (given or {})
        for decision in self.plan(*steps, parameters=parameters, given=given, **options).decisions:
            node = graph.step(decision.step)
            if decision.waits_for:
                decision = decide(
                    node,
                    self.ws,
                    upstream_outputs=outputs,
                    parameters=values,
                    snapshot=self.snapshots_of(graph)[node.id],
                    environment=self.environments.get(node.environment or ""),
                    **options,
                )
            record = decision.record if decision.action == "reuse" else self.execute(node, outputs, decision)
            outputs[node.id] = record.outputs
            made[node.id] = decision
        return made

    def execute(self, node, outputs, decision):
        self.executed.append(node.id)
        local = self.tmp_path / "work" / f"{self.runs}-{node.id}"
        kept = {}
        for port in node.outputs:
            kept[port.name] = (
                self.link(node) if port.kind.startswith("link") else self.write(node, port, local, outputs)
            )
        producer = {"dag_id": "dag", "pipeline_run_id": f"run{self.runs}", "step_name": node.name}
        producer["step_run_id"] = f"{self.runs}-{node.id}"
        record = StepRecord(decision.fingerprint, decision.preimage or {}, producer, kept, time.time(), 2.5)
        put_record(self.ws, record, replace=decision.replace)
        return record

    def link(self, node):
        return OutputRecord(BLOB, "", "", "", kind="link_file", definition=self.links[node.id])

    def write(self, node, port, local, outputs):
        folder = local / port.name
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text(self.made_by(node, outputs, port.name))
        place = f"azureml/{self.runs}-{node.id}/{port.name}"
        manifest = upload_tree(str(folder), self.store, place, overwrite=False)
        path = put_manifest(self.ws, f"{self.runs}-{node.id}", port.name, manifest)
        return OutputRecord(BLOB, place, manifest.tree, path, count=1, size=manifest.size)

    def made_by(self, node, outputs, name):
        read = [
            outputs[port.source["step"]][port.source["output"]].tree for port in node.inputs if "step" in port.source
        ]
        return f"{self.work.get(node.id, node.id)} {name} {read}"

    def put(self, path: str, text: str) -> None:
        self.store.write(path, text.encode())
