"""How an estimator's script is distributed: ``Mpi``, ``Gloo``, ``Nccl`` and ``ParameterServer``."""

from __future__ import annotations

from typing import Any, Sequence

from mlsteps.errors import InvalidInput

#: What ``distributed_backend=`` said before ``distributed_training=`` took objects.
_BACKENDS = ("mpi", "gloo", "nccl", "ps")


class _DistributedTraining:
    """Base of the four."""

    _ESTIMATORS: Sequence[str] = ()

    def validate(self, estimator_name: str) -> None:
        """Check that an estimator's framework knows it.

        :raises InvalidInput: when it does not.
        """
        if estimator_name not in self._ESTIMATORS:
            raise InvalidInput(
                f"{type(self).__name__} is given to {estimator_name}", expected=f"one of {', '.join(self._ESTIMATORS)}"
            )


class Mpi(_DistributedTraining):
    """Processes that find each other over MPI.

    :param process_count_per_node: processes on each node.
    """

    _ESTIMATORS = ("Estimator", "PyTorch", "TensorFlow", "Chainer")

    def __init__(self, process_count_per_node: int = 1) -> None:
        self.process_count_per_node = process_count_per_node


class Gloo(_DistributedTraining):
    """PyTorch's Gloo backend."""

    _ESTIMATORS = ("PyTorch",)

    def __init__(self) -> None:
        pass


class Nccl(_DistributedTraining):
    """PyTorch's NCCL backend."""

    _ESTIMATORS = ("PyTorch",)

    def __init__(self) -> None:
        pass


class ParameterServer(_DistributedTraining):
    """TensorFlow's parameter servers and workers."""

    _ESTIMATORS = ("TensorFlow",)

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 1) -> None:
        self.worker_count = worker_count
        self.parameter_server_count = parameter_server_count


def distribute(run_config: Any, training: Any, backend: str | None, processes: int, workers: int, servers: int) -> None:
    """Write it into a run configuration.

    :param training: an object of this module, which counts before the older ``backend`` and numbers.
    :raises InvalidInput: for something else.
    """
    if training is None:
        training = _of_backend(backend, processes, workers, servers)
    if isinstance(training, Mpi):
        run_config.communicator = "OpenMpi"
        run_config.mpi.process_count_per_node = training.process_count_per_node
    elif isinstance(training, (Gloo, Nccl)):
        run_config.communicator = type(training).__name__
    elif isinstance(training, ParameterServer):
        run_config.communicator = "ParameterServer"
        run_config.tensorflow.worker_count = training.worker_count
        run_config.tensorflow.parameter_server_count = training.parameter_server_count
    elif training is not None:
        raise InvalidInput(
            f"distributed_training is {training!r}", expected="Mpi(), Gloo(), Nccl() or ParameterServer()"
        )


def _of_backend(backend: str | None, processes: int, workers: int, servers: int) -> Any:
    if backend is None:
        return None
    made = {"mpi": Mpi(processes), "gloo": Gloo(), "nccl": Nccl(), "ps": ParameterServer(workers, servers)}
    if str(backend).lower() not in made:
        raise InvalidInput(f"distributed_backend is {backend!r}", expected=f"one of {', '.join(_BACKENDS)}")
    return made[str(backend).lower()]
