"""``CondaDependencies``: what a step's Python environment holds, as a conda specification."""

from __future__ import annotations

import copy
import os
import re
from typing import Any, Iterable, Iterator, Mapping

from mlsteps.errors import InvalidInput

#: What the SDK writes when nobody chose a version; mlsteps then uses the Python at hand.
PYTHON_DEFAULT_VERSION = "3.10.18"
CPU, GPU = "cpu", "gpu"
_DEFAULT_CHANNELS = ("anaconda", "conda-forge")
_DEFAULT_PACKAGE = "azureml-defaults"
_NAME = re.compile(r"\s*(?:[\w.-]+::)?([A-Za-z0-9][A-Za-z0-9._-]*)")


def package_name(requirement: str) -> str:
    """The name in a pip or conda requirement as pip compares it: ``Foo_Bar[x]>=1`` is ``foo-bar``."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match.group(1)).lower() if match else requirement.strip()


class CondaDependencies:
    """A conda specification with a pip part.

    Without arguments it holds what the SDK's holds: a Python version and ``azureml-defaults``. As long as nobody
    chooses a Python version, mlsteps takes the Python at hand.

    :param conda_dependencies_file_path: a conda YAML file to start from.
    :param _underlying_structure: the same as data.
    :raises UserErrorException: when the file cannot be read; :raises InvalidInput: when it is no conda specification.
    """

    DEFAULT_NUMBER_OF_CONDA_PACKAGES = 0
    DEFAULT_NUMBER_OF_PIP_PACKAGES = 0

    def __init__(
        self,
        conda_dependencies_file_path: str | os.PathLike[str] | None = None,
        _underlying_structure: Mapping[str, Any] | None = None,
    ) -> None:
        self._python_chosen = True
        if conda_dependencies_file_path:
            from mlsteps.sdk.yaml_text import load_yaml_file

            path = os.fspath(conda_dependencies_file_path)
            self._data = _checked(load_yaml_file(path), path)
        elif _underlying_structure is not None:
            self._data = _checked(_underlying_structure, "conda specification")
        else:
            self._data = _fresh()
            self._python_chosen = False

    @staticmethod
    def create(
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str = PYTHON_DEFAULT_VERSION,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """A specification from lists of packages.

        Without ``pip_packages`` it holds ``azureml-defaults``. ``pin_sdk_version`` has no effect: the ``azureml``
        names come from mlsteps itself, in whatever version runs.
        """
        made = CondaDependencies()
        if pip_packages is not None:
            made.remove_pip_package(_DEFAULT_PACKAGE)
            for package in _texts("pip_packages", pip_packages):
                made.add_pip_package(package)
        if python_version and python_version != PYTHON_DEFAULT_VERSION:
            made.set_python_version(python_version)
        for package in _texts("conda_packages", conda_packages or []):
            made.add_conda_package(package)
        if pip_indexurl:
            made.set_pip_index_url(pip_indexurl)
        return made

    # Reading

    @property
    def conda_channels(self) -> Iterator[str]:
        """The channels, in order."""
        return iter(list(self._data.get("channels") or []))

    @property
    def conda_packages(self) -> Iterator[str]:
        """The conda packages, Python included."""
        return iter([item for item in self._dependencies() if isinstance(item, str)])

    @property
    def pip_packages(self) -> Iterator[str]:
        """The pip packages, without options."""
        return iter([item for item in self._pip() if not item.startswith("-")])

    @property
    def pip_options(self) -> Iterator[str]:
        """Lines for pip that start with ``-``, such as ``--index-url https://...``."""
        return iter([item for item in self._pip() if item.startswith("-")])

    def get_python_version(self) -> str | None:
        """The Python version asked for, None when the specification names none."""
        for item in self.conda_packages:
            if package_name(item) == "python":
                version = item.strip()[len("python") :].strip(" =")
                return version or None
        return None

    def get_default_number_of_packages(self) -> int:
        """How many packages a fresh specification counts."""
        return self.DEFAULT_NUMBER_OF_CONDA_PACKAGES + self.DEFAULT_NUMBER_OF_PIP_PACKAGES

    def as_dict(self) -> Any:
        """The specification as data, a copy."""
        return copy.deepcopy(self._data)

    def serialize_to_string(self) -> str:
        """The specification as conda YAML."""
        from mlsteps.sdk.yaml_text import dump_yaml

        return dump_yaml(self.as_dict())

    def save(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the YAML to ``path`` (a file; default ``conda_dependencies.yml`` here); returns the path."""
        target = os.fspath(path) if path else "conda_dependencies.yml"
        if os.path.isdir(target):
            target = os.path.join(target, "conda_dependencies.yml")
        with open(target, "w", encoding="utf-8") as stream:
            stream.write(self.serialize_to_string())
        return target

    def save_to_file(self, base_directory: str, conda_file_path: str | None = None) -> str:
        """Deprecated by the SDK; use :meth:`save`."""
        return self.save(os.path.join(base_directory, conda_file_path or "conda_dependencies.yml"))

    # Changing

    def set_python_version(self, version: str) -> None:
        """Ask for this Python version."""
        kept = [item for item in self._dependencies() if not (isinstance(item, str) and package_name(item) == "python")]
        self._data["dependencies"] = [f"python={version}", *kept]
        self._python_chosen = True

    def add_channel(self, channel: str) -> None:
        """Add a conda channel unless it is there."""
        channels = self._data.setdefault("channels", [])
        if channel not in channels:
            channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove a conda channel; absent is fine."""
        self._data["channels"] = [item for item in self.conda_channels if item != channel]

    def add_conda_package(self, conda_package: str) -> None:
        """Add a conda package; one of the same name is replaced."""
        _text("conda_package", conda_package)
        if package_name(conda_package) == "python":
            self._python_chosen = True
        self.remove_conda_package(conda_package)
        dependencies = self._dependencies()
        at = next((n for n, item in enumerate(dependencies) if not isinstance(item, str)), len(dependencies))
        dependencies.insert(at, conda_package)

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove a conda package by its name; absent is fine."""
        gone = package_name(conda_package)
        self._data["dependencies"] = [
            item for item in self._dependencies() if not (isinstance(item, str) and package_name(item) == gone)
        ]

    def add_pip_package(self, pip_package: str) -> None:
        """Add a pip package at the end; one of the same name is replaced."""
        _text("pip_package", pip_package)
        self.remove_pip_package(pip_package)
        self._pip(create=True).append(pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove a pip package by its name; absent is fine."""
        gone = package_name(pip_package)
        pip = self._pip()
        pip[:] = [item for item in pip if item.startswith("-") or package_name(item) != gone]

    def set_pip_index_url(self, index_url: str) -> None:
        """Let pip look here; put no credentials into the address, it is part of the environment's description."""
        for option in list(self.pip_options):
            if option.startswith("--index-url"):
                self.remove_pip_option(option)
        self.set_pip_option(f"--index-url {index_url}")

    def set_pip_option(self, pip_option: str) -> None:
        """Add a line of options for pip, such as ``--extra-index-url https://...``."""
        pip = self._pip(create=True)
        if pip_option not in pip:
            pip.insert(sum(item.startswith("-") for item in pip), pip_option)

    def remove_pip_option(self, pip_option: str) -> None:
        """Remove a line of options; given by its first word or whole; absent is fine."""
        pip = self._pip()
        pip[:] = [item for item in pip if item != pip_option and item.split()[0] != pip_option]

    def set_pip_requirements(self, pip_requirements: Iterable[str]) -> None:
        """Replace all pip packages by these; options stay."""
        pip = self._pip(create=True)
        pip[:] = [*self.pip_options, *_texts("pip_requirements", pip_requirements)]

    def add_tensorflow_pip_package(self, core_type: str = CPU, version: str | None = None) -> None:
        """Add TensorFlow (``tensorflow-gpu`` for ``core_type="gpu"``) to the pip packages."""
        self.add_pip_package(_tensorflow(core_type, version))

    def add_tensorflow_conda_package(self, core_type: str = CPU, version: str | None = None) -> None:
        """Add TensorFlow to the conda packages."""
        self.add_conda_package(_tensorflow(core_type, version).replace("==", "="))

    def add_cntk_package(self, core_type: str = CPU) -> None:
        """Add CNTK, which its makers gave up in 2019."""
        self.add_pip_package("cntk-gpu" if core_type == GPU else "cntk")

    @staticmethod
    def merge_requirements(requirements: Iterable[str]) -> list[str]:
        """Requirements of the same package as one: ``["a>1", "a<2"]`` gives ``["a<2,>1"]``."""
        merged: dict[str, set[str]] = {}
        heads: dict[str, str] = {}
        for requirement in requirements:
            name = package_name(requirement)
            head = re.match(r"\s*[A-Za-z0-9._-]+(\[[^\]]*\])?", requirement)
            heads.setdefault(name, head.group(0).strip() if head else requirement)
            rest = requirement[head.end() :].strip() if head else ""
            merged.setdefault(name, set()).update(part.strip() for part in rest.split(",") if part.strip())
        return [heads[name] + ",".join(sorted(parts)) for name, parts in merged.items()]

    @staticmethod
    def sdk_origin_url() -> str:
        """Where the SDK's packages come from."""
        return "https://pypi.python.org/simple"

    # For mlsteps

    def _document(self) -> dict[str, Any]:
        """What matters of it: no name, and no Python version unless somebody chose one."""
        data = {key: value for key, value in self.as_dict().items() if key not in ("name", "prefix")}
        if not self._python_chosen:
            data["dependencies"] = [
                item for item in data["dependencies"] if not (isinstance(item, str) and package_name(item) == "python")
            ]
        return data

    def _portable(self) -> dict[str, Any]:
        """As data for a file that is read back: what matters, with the name that conda wants."""
        return {"name": self._data.get("name") or "project_environment", **self._document()}

    def _dependencies(self) -> list[Any]:
        dependencies: list[Any] = self._data.setdefault("dependencies", [])
        return dependencies

    def _pip(self, create: bool = False) -> list[str]:
        for item in self._dependencies():
            if isinstance(item, Mapping) and "pip" in item:
                pip: list[str] = item["pip"]
                return pip
        made: list[str] = []
        if create:
            self._dependencies().append({"pip": made})
        return made

    def __repr__(self) -> str:
        return f"CondaDependencies({self._data!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CondaDependencies) and self._document() == other._document()

    __hash__ = None  # type: ignore[assignment]


def _fresh() -> dict[str, Any]:
    dependencies = [f"python={PYTHON_DEFAULT_VERSION}", {"pip": [_DEFAULT_PACKAGE]}]
    return {"name": "project_environment", "channels": list(_DEFAULT_CHANNELS), "dependencies": dependencies}


def _checked(data: Any, what: str) -> dict[str, Any]:
    data = {} if data is None else data
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{what} holds {data!r}", expected="a mapping with the key 'dependencies'")
    copied = copy.deepcopy(dict(data))
    dependencies = copied.get("dependencies")
    if dependencies is None:
        copied["dependencies"] = []
    elif not isinstance(dependencies, list):
        raise InvalidInput(f"'dependencies' in {what} is {dependencies!r}", expected="a list")
    for item in copied["dependencies"]:
        if isinstance(item, dict) and isinstance(item.get("pip", ""), (list, type(None))):
            item["pip"] = item["pip"] or []
        elif not isinstance(item, str):
            raise InvalidInput(f"{what} holds the dependency {item!r}", expected="a text, or a mapping with 'pip'")
    return copied


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{name} is {value!r}", expected="the name of a package, as in 'numpy==1.23.5'")


def _texts(name: str, values: Any) -> list[str]:
    if isinstance(values, str):
        raise InvalidInput(f"{name} is the text {values!r}", expected="a list of texts")
    listed = list(values)
    for value in listed:
        _text(name, value)
    return listed


def _tensorflow(core_type: str, version: str | None) -> str:
    if core_type not in (CPU, GPU):
        raise InvalidInput(f"core_type is {core_type!r}", expected="'cpu' or 'gpu'")
    return ("tensorflow-gpu" if core_type == GPU else "tensorflow") + (f"=={version}" if version else "")
