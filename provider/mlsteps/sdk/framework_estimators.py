"""``PyTorch``, ``TensorFlow``, ``Chainer`` and ``SKLearn``: estimators that bring a framework."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Iterable, Mapping, Sequence

from mlsteps.sdk.estimator import MMLBaseEstimator, configured
from mlsteps.sdk.runconfig import RunConfiguration

#: The newest Python that the frameworks' releases of the estimators' time have packages for.
_PYTHON = "3.8"


class _FrameworkEstimator(MMLBaseEstimator):
    """Base of the estimators that bring a framework."""

    FRAMEWORK_NAME: ClassVar[str] = ""
    DEFAULT_VERSION: ClassVar[str] = ""
    _PACKAGES: ClassVar[Sequence[str]] = ()
    _VERSIONS: ClassVar[Sequence[str]] = ()

    @property
    def framework_version(self) -> str:
        """The version that was asked for, else the SDK's default."""
        return self._framework_version or self.DEFAULT_VERSION

    @classmethod
    def get_supported_versions(cls) -> list[str]:
        """The versions that the SDK knew."""
        return list(cls._VERSIONS)

    def _configured(self, given: Mapping[str, Any]) -> RunConfiguration:
        """As :func:`configured`; the framework in the version that was asked for, else in any that can be had."""
        version = self._framework_version = given.get("framework_version")
        first, *others = self._PACKAGES
        packages = [f"{first}=={version}" if version else first, *others]
        return configured(given, packages, _PYTHON if version else None)


class PyTorch(_FrameworkEstimator):
    """A script with PyTorch and torchvision; parameters as for ``Estimator``.

    :param framework_version: of PyTorch; None for any that can be had.
    """

    FRAMEWORK_NAME = "PyTorch"
    DEFAULT_VERSION = "1.4"
    _PACKAGES = ("torch", "torchvision")
    _VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6")

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        *,
        compute_target: Any = None,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[str, Any] | None = None,
        node_count: int = 1,
        process_count_per_node: int = 1,
        distributed_backend: str | None = None,
        distributed_training: Any = None,
        use_gpu: bool = False,
        use_docker: bool = True,
        custom_docker_base_image: str | None = None,
        custom_docker_image: str | None = None,
        image_registry_details: Any = None,
        user_managed: bool = False,
        conda_packages: Iterable[str] | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_dependencies_file_path: str | None = None,
        pip_requirements_file_path: str | None = None,
        conda_dependencies_file: str | None = None,
        pip_requirements_file: str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        environment_definition: Any = None,
        inputs: Iterable[Any] | None = None,
        source_directory_data_store: Any = None,
        shm_size: str | None = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = None,
        framework_version: str | None = None,
        _enable_optimized_mode: bool = False,
        _disable_validation: bool = True,
        _show_lint_warnings: bool = False,
        _show_package_warnings: bool = False,
    ) -> None:
        super().__init__(source_directory, compute_target=compute_target, estimator_config=self._configured(locals()))


class TensorFlow(_FrameworkEstimator):
    """A script with TensorFlow; parameters as for ``Estimator``.

    :param framework_version: of TensorFlow; None for any that can be had.
    """

    FRAMEWORK_NAME = "TensorFlow"
    DEFAULT_VERSION = "1.13"
    _PACKAGES = ("tensorflow",)
    _VERSIONS = ("1.10", "1.12", "1.13", "2.0", "2.1", "2.2")

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        *,
        compute_target: Any = None,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[str, Any] | None = None,
        node_count: int = 1,
        process_count_per_node: int = 1,
        worker_count: int = 1,
        parameter_server_count: int = 1,
        distributed_backend: str | None = None,
        distributed_training: Any = None,
        use_gpu: bool = False,
        use_docker: bool = True,
        custom_docker_base_image: str | None = None,
        custom_docker_image: str | None = None,
        image_registry_details: Any = None,
        user_managed: bool = False,
        conda_packages: Iterable[str] | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_dependencies_file_path: str | None = None,
        pip_requirements_file_path: str | None = None,
        conda_dependencies_file: str | None = None,
        pip_requirements_file: str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        environment_definition: Any = None,
        inputs: Iterable[Any] | None = None,
        source_directory_data_store: Any = None,
        shm_size: str | None = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = None,
        framework_version: str | None = None,
        _enable_optimized_mode: bool = False,
        _disable_validation: bool = True,
        _show_lint_warnings: bool = False,
        _show_package_warnings: bool = False,
    ) -> None:
        super().__init__(source_directory, compute_target=compute_target, estimator_config=self._configured(locals()))


class Chainer(_FrameworkEstimator):
    """A script with Chainer; parameters as for ``Estimator``.

    :param framework_version: of Chainer; None for any that can be had.
    """

    FRAMEWORK_NAME = "Chainer"
    DEFAULT_VERSION = "5.1.0"
    _PACKAGES = ("chainer",)
    _VERSIONS = ("5.1.0", "7.0.0")

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        *,
        compute_target: Any = None,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[str, Any] | None = None,
        node_count: int = 1,
        process_count_per_node: int = 1,
        distributed_backend: str | None = None,
        distributed_training: Any = None,
        use_gpu: bool = False,
        use_docker: bool = True,
        custom_docker_base_image: str | None = None,
        custom_docker_image: str | None = None,
        image_registry_details: Any = None,
        user_managed: bool = False,
        conda_packages: Iterable[str] | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_dependencies_file_path: str | None = None,
        pip_requirements_file_path: str | None = None,
        conda_dependencies_file: str | None = None,
        pip_requirements_file: str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        environment_definition: Any = None,
        inputs: Iterable[Any] | None = None,
        source_directory_data_store: Any = None,
        shm_size: str | None = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = None,
        framework_version: str | None = None,
        _enable_optimized_mode: bool = False,
        _disable_validation: bool = True,
        _show_lint_warnings: bool = False,
        _show_package_warnings: bool = False,
    ) -> None:
        super().__init__(source_directory, compute_target=compute_target, estimator_config=self._configured(locals()))


class SKLearn(_FrameworkEstimator):
    """A script with scikit-learn; parameters as for ``Estimator``.

    :param framework_version: of scikit-learn; None for any that can be had.
    """

    FRAMEWORK_NAME = "SKLearn"
    DEFAULT_VERSION = "0.20.3"
    _PACKAGES = ("scikit-learn",)
    _VERSIONS = ("0.20.3",)

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        *,
        compute_target: Any = None,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[str, Any] | None = None,
        use_docker: bool = True,
        custom_docker_image: str | None = None,
        image_registry_details: Any = None,
        user_managed: bool = False,
        conda_packages: Iterable[str] | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_dependencies_file_path: str | None = None,
        pip_requirements_file_path: str | None = None,
        conda_dependencies_file: str | None = None,
        pip_requirements_file: str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        environment_definition: Any = None,
        inputs: Iterable[Any] | None = None,
        shm_size: str | None = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = None,
        framework_version: str | None = None,
        _enable_optimized_mode: bool = False,
        _disable_validation: bool = True,
        _show_lint_warnings: bool = False,
        _show_package_warnings: bool = False,
    ) -> None:
        super().__init__(source_directory, compute_target=compute_target, estimator_config=self._configured(locals()))
