"""``ScriptRunConfig``: a script with its run configuration."""

from __future__ import annotations

import copy
import os
from typing import Any, Iterable

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk.runconfig import RunConfiguration, _argument_list
from mlsteps.sdk.runconfig_sections import (
    DockerConfiguration,
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)

#: 30 days, in seconds.
MAX_DURATION_SECONDS_DEFAULT = 2592000


class ScriptRunConfig:
    """A script, or a command, to run as it stands or as a step.

    :param source_directory: folder of the script; default the current one.
    :param compute_target: a ComputeTarget, its name, or ``local``.
    :param distributed_job_config: MpiConfiguration, PyTorchConfiguration or TensorflowConfiguration.
    :param max_run_duration_seconds: the run is stopped after this time.
    :raises UserErrorException: for a command together with a script or arguments, or neither.
    """

    MAX_DURATION_SECONDS_DEFAULT = MAX_DURATION_SECONDS_DEFAULT

    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None,
        script: str | None = None,
        arguments: Iterable[Any] | None = None,
        run_config: RunConfiguration | None = None,
        _telemetry_values: Any = None,
        compute_target: Any = None,
        environment: Any = None,
        distributed_job_config: Any = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = MAX_DURATION_SECONDS_DEFAULT,
        command: Any = None,
        docker_runtime_config: DockerConfiguration | None = None,
    ) -> None:
        _check(run_config, script, arguments, command)
        self.source_directory = os.fspath(source_directory) if source_directory is not None else os.curdir
        self.run_config = copy.deepcopy(run_config) if run_config is not None else RunConfiguration()
        self.script = script or (None if command else self.run_config.script)
        self.command = command or (None if script else self.run_config.command)
        self.arguments = _argument_list(arguments) if arguments is not None else list(self.run_config.arguments)
        self.resume_from = resume_from
        self.run_config.script, self.run_config.command = self.script, self.command
        self.run_config.arguments = self.arguments
        if compute_target is not None:
            self.run_config.target = compute_target
        if environment is not None:
            self.run_config.environment = environment
        if docker_runtime_config is not None:
            self.run_config.docker = docker_runtime_config
        if max_run_duration_seconds not in (None, MAX_DURATION_SECONDS_DEFAULT):
            self.run_config.max_run_duration_seconds = max_run_duration_seconds
        if distributed_job_config is not None:
            _distribute(self.run_config, distributed_job_config)

    def __repr__(self) -> str:
        what = self.script if self.script is not None else self.command
        return f"ScriptRunConfig({what!r} in {self.source_directory!r} on {self.run_config.target!r})"


def get_run_config_from_script_run(script_run_config: ScriptRunConfig) -> RunConfiguration:
    """The run configuration of a ScriptRunConfig."""
    return script_run_config.run_config


def _check(run_config: Any, script: Any, arguments: Any, command: Any) -> None:
    if command and (script or arguments):
        raise UserErrorException("A command is given together with a script or arguments; give one of them.")
    if run_config is not None and not isinstance(run_config, RunConfiguration):
        raise InvalidInput(f"run_config is {run_config!r}", expected="a RunConfiguration")


def _distribute(run_config: RunConfiguration, job: Any) -> None:
    if isinstance(job, MpiConfiguration):
        run_config.mpi, run_config.node_count, run_config.communicator = job, job.node_count, "IntelMpi"
    elif isinstance(job, PyTorchConfiguration):
        run_config.pytorch, run_config.node_count = job, job.node_count
        run_config.framework, run_config.communicator = "PyTorch", job.communication_backend
    elif isinstance(job, TensorflowConfiguration):
        run_config.tensorflow, run_config.framework = job, "TensorFlow"
        run_config.communicator = "ParameterServer"
        run_config.node_count = (job.worker_count or 0) + (job.parameter_server_count or 0)
    elif isinstance(job, ParallelTaskConfiguration):
        run_config.paralleltask, run_config.communicator = job, "ParallelTask"
    else:
        raise InvalidInput(
            f"distributed_job_config is {job!r}",
            expected="an MpiConfiguration, PyTorchConfiguration, TensorflowConfiguration or ParallelTaskConfiguration",
        )
