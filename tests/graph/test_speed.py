"""Building costs little: nothing is read but whether scripts exist, and shared things are worked out once."""

from __future__ import annotations

import builtins
import os
import time

import pytest

from mlsteps.sdk.environment import Environment
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.runconfig import RunConfiguration

COUNT = 1000


def chain(step, runconfig):
    made, before = [], None
    for number in range(COUNT):
        data = PipelineData(f"data{number}")
        inputs = [before] if before else []
        arguments = ["--in", *inputs, "--out", data, "--rate", 0.1]
        made.append(step(f"step {number}", arguments=arguments, inputs=inputs, outputs=[data], runconfig=runconfig))
        before = data
    return made


@pytest.fixture
def runconfig():
    config = RunConfiguration()
    config.environment = Environment("shared")
    return config


def test_a_thousand_steps_build_in_a_tenth_of_a_second(workspace, step, runconfig):
    steps = chain(step, runconfig)
    times = []
    for _ in range(5):
        begin = time.process_time()
        pipeline = Pipeline(workspace, steps)
        times.append(time.process_time() - begin)
    assert len(pipeline.graph.steps) == COUNT
    assert min(times) < 0.1


def test_the_disk_and_the_environment_are_asked_once(workspace, step, runconfig, monkeypatch):
    steps = chain(step, runconfig)
    asked, documents = [], []
    isfile, document = os.path.isfile, Environment._document
    monkeypatch.setattr(os.path, "isfile", lambda path: asked.append(path) or isfile(path))
    monkeypatch.setattr(Environment, "_document", lambda self: documents.append(self) or document(self))

    def refuse(*_, **__):
        raise AssertionError("building a graph opens no file")

    for module, name in ((builtins, "open"), (os, "listdir"), (os, "scandir"), (os, "walk"), (os, "open")):
        monkeypatch.setattr(module, name, refuse)
    Pipeline(workspace, steps)
    monkeypatch.undo()
    assert (len(asked), len(documents)) == (1, 1)
