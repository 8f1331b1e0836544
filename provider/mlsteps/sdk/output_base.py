"""What all dataset outputs share: name, identity, registration, and use as an input.

Every modifier returns a new object; all objects that come from one are the same output, because they share its
:class:`~mlsteps.sdk.binding.OutputKey`.
"""

from __future__ import annotations

import copy
from typing import Any, Mapping, Sequence, TypeVar

from mlsteps.contracts.graph import OutputPort
from mlsteps.errors import InvalidInput
from mlsteps.sdk.binding import OUTPUT_PLACEHOLDER, OutputKey, OutputRequest
from mlsteps.sdk.consumption import DatasetConsumptionConfig
from mlsteps.sdk.data_names import checked_name, derived_name, fresh_name
from mlsteps.sdk.dataset_paths import target_of

C = TypeVar("C", bound="OutputDatasetConfig")


class RegistrationConfiguration:
    """The dataset version to register when the step has completed."""

    def __init__(self, name: str, description: str | None, tags: Mapping[str, str] | None) -> None:
        self.name = name
        self.description = description
        self.tags = tags

    def _to_json(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


class UploadOptions:
    """How files are uploaded: whether existing ones are replaced, and which (globs below the output's folder)."""

    def __init__(self, overwrite: bool = False, source_globs: Any = None) -> None:
        self.overwrite = overwrite
        self.source_globs = source_globs


class MountOptions:
    """How an output is mounted; accepted, without effect: nothing is cached while a step writes."""

    def __init__(self, disable_metadata_cache: bool = False) -> None:
        self.disable_metadata_cache = disable_metadata_cache


class OutputDatasetConfig:
    """Base of all dataset outputs (SDK: OutputDatasetConfig).

    :param mode: ``mount``, ``upload``, ``link`` or ``hdfs``.
    :param name: letters, digits and ``_``: the environment variable that holds the local path, the key in
        ``Run.output_datasets`` and ``{output-name}`` in the destination. None makes one.
    """

    _KIND = "file"
    _data_kind = "file"

    def __init__(self, mode: str, name: str | None = None, **kwargs: Any) -> None:
        self.mode = mode
        self._name = (
            fresh_name("output", self._KIND, mode) if name is None else checked_name(name, "The dataset output")
        )
        self._key = OutputKey(self._name)
        self._registration: RegistrationConfiguration | None = None

    @property
    def name(self) -> str:
        """The output's name."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = checked_name(value, "The dataset output")

    @property
    def arg_val(self) -> str:
        """The text that stands for the local path inside a longer argument."""
        return OUTPUT_PLACEHOLDER + self._name

    def register_on_complete(
        self: C, name: str, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> C:
        """The same output, registered as a new dataset version when the step has completed (never after a failure).

        :param name: the dataset's name.
        """
        if not isinstance(name, str) or not name.strip():
            raise InvalidInput(f"The output {self._name!r} is to be registered as {name!r}", expected="a dataset name")
        other = copy.copy(self)
        other._registration = RegistrationConfiguration(name, description, dict(tags) if tags else None)
        return other

    def as_input(self, name: str | None = None) -> DatasetConsumptionConfig:
        """This output as an input of a later step; without a name it gets one, which never matters for reuse."""
        mode = "hdfs" if self._KIND == "hdfs" else "direct" if self._data_kind == "tabular" else "mount"
        if name is None:
            return DatasetConsumptionConfig._unnamed(derived_name("input", self._name), self, mode)
        return DatasetConsumptionConfig(name, self, mode)

    def __str__(self) -> str:
        return self.arg_val

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, mode={self.mode!r})"

    def _output_request(self) -> OutputRequest:
        return OutputRequest(OutputPort(name=self._name, kind=self._KIND, **self._port_fields()), self._key)

    def _port_fields(self) -> dict[str, Any]:
        """Fields of the ``OutputPort`` beyond name and kind; subclasses add theirs."""
        register = self._registration._to_json() if self._registration else None
        return {"mode": self.mode, "register": register, "variable": self._name}


def checked_destination(destination: Any, name: str) -> tuple[str | None, str | None]:
    """Datastore name and path template of a ``destination``.

    :param destination: None, a datastore, or ``(datastore, template)``; a leading slash means the root.
    :raises InvalidInput: for placeholders other than ``{run-id}`` and ``{output-name}``, the SDK's two.
    """
    if destination is None:
        return None, None
    datastore, path = target_of(destination, f"destination of the output {name!r}")
    rest = path.replace("{run-id}", "").replace("{output-name}", "")
    if "{" in rest or "}" in rest:
        raise InvalidInput(
            f"The destination {path!r} of the output {name!r} holds an unknown placeholder",
            expected="only {run-id} and {output-name}",
        )
    return datastore.name, path or None


def checked_globs(source_globs: Any) -> tuple[str, ...]:
    """``source_globs`` as a tuple of patterns; None gives none."""
    globs: Sequence[Any] = [source_globs] if isinstance(source_globs, str) else list(source_globs or ())
    if not all(isinstance(item, str) for item in globs):
        raise InvalidInput(f"source_globs is {source_globs!r}", expected="a pattern or a list of patterns")
    return tuple(globs)
