"""``ParallelRunConfig``: how a ``ParallelRunStep`` cuts its inputs and treats failures."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, Sequence

from mlsteps.errors import InvalidInput
from mlsteps.sdk.parameter import PipelineParameter

_SIZE = re.compile(r"\s*(\d+)\s*(b|kb|mb|gb)?\s*\Z", re.IGNORECASE)
#: Fields that a file of ``save_to_yaml`` holds as they are; environment and compute stand there by name.
_PLAIN_FIELDS = (
    "entry_script",
    "error_threshold",
    "output_action",
    "node_count",
    "process_count_per_node",
    "mini_batch_size",
    "source_directory",
    "description",
    "logging_level",
    "run_invocation_timeout",
    "run_max_try",
    "append_row_file_name",
    "allowed_failed_count",
    "allowed_failed_percent",
    "partition_keys",
    "environment_variables",
)
_PAYLOAD_FIELDS = (
    "error_threshold",
    "output_action",
    "mini_batch_size",
    "logging_level",
    "run_invocation_timeout",
    "run_max_try",
    "append_row_file_name",
    "allowed_failed_count",
    "allowed_failed_percent",
)


class ParallelRunConfig:
    """Settings of a ``ParallelRunStep`` (SDK docs: ``azureml.pipeline.steps.ParallelRunConfig``).

    :param error_threshold: failed files or rows allowed over the whole input; -1 allows all.
    :param output_action: ``append_row`` or ``summary_only``.
    :param mini_batch_size: number of files, or for tables a size such as ``"1MB"``; None means 10 files or 1 MB.
    :param run_invocation_timeout: seconds for one call of ``run``; :param run_max_try: deliveries of a mini-batch.
    :param partition_keys: one mini-batch for each combination of their values; not with ``mini_batch_size``.
    :raises InvalidInput: for values out of range.
    """

    def __init__(
        self,
        environment: Any,
        entry_script: str,
        error_threshold: int,
        output_action: str,
        compute_target: Any,
        node_count: Any,
        process_count_per_node: Any = None,
        mini_batch_size: Any = None,
        source_directory: Any = None,
        description: str | None = None,
        logging_level: Any = "INFO",
        run_invocation_timeout: Any = 60,
        run_max_try: Any = 3,
        append_row_file_name: str | None = None,
        allowed_failed_count: int | None = None,
        allowed_failed_percent: float | None = None,
        partition_keys: Any = None,
        environment_variables: Mapping[str, str] | None = None,
    ) -> None:
        self.environment = environment
        self.entry_script = entry_script
        self.error_threshold = error_threshold
        self.output_action = output_action
        self.compute_target = compute_target
        self.node_count = node_count
        self.process_count_per_node = process_count_per_node
        self.mini_batch_size = mini_batch_size
        self.source_directory = source_directory
        self.description = description
        self.logging_level = logging_level
        self.run_invocation_timeout = run_invocation_timeout
        self.run_max_try = run_max_try
        self.append_row_file_name = append_row_file_name
        self.allowed_failed_count = allowed_failed_count
        self.allowed_failed_percent = allowed_failed_percent
        self.partition_keys = partition_keys
        self.environment_variables = dict(environment_variables or {})
        self._check()

    def save_to_yaml(self, path: str) -> None:
        """Write these settings to ``path``; pipeline parameters as their defaults."""
        from mlsteps.sdk.yaml_text import dump_yaml

        data: dict[str, Any] = {}
        for name in _PLAIN_FIELDS:
            value = getattr(self, name)
            value = value.default_value if isinstance(value, PipelineParameter) else value
            if value not in (None, {}):
                data[name] = str(value) if name == "source_directory" else value
        data["compute_target_name"] = getattr(self.compute_target, "name", self.compute_target)
        data["environment_name"] = getattr(self.environment, "name", None)
        with open(path, "w", encoding="utf-8") as file:
            file.write(dump_yaml(data))

    @staticmethod
    def load_yaml(workspace: Any, path: str) -> ParallelRunConfig:
        """Read what :meth:`save_to_yaml` writes; environment and compute target are looked up in the workspace.

        :raises InvalidInput: for unknown or missing keys.
        """
        from mlsteps.sdk.environment import Environment
        from mlsteps.sdk.yaml_text import load_yaml_file

        data = dict(load_yaml_file(path) or {})
        data.pop("environment_version", None)
        name, compute = data.pop("environment_name", None), data.pop("compute_target_name", None)
        unknown = sorted(set(data) - set(_PLAIN_FIELDS) - {"compute_target"})
        if unknown or not name:
            what = f"unknown keys {unknown}" if unknown else "no environment_name"
            raise InvalidInput(f"{path} has {what}", expected=f"environment_name and some of {list(_PLAIN_FIELDS)}")
        data.setdefault("compute_target", compute)
        try:
            return ParallelRunConfig(environment=Environment.get(workspace, name), **data)
        except TypeError as error:
            raise InvalidInput(f"{path} is incomplete: {error}") from error

    def _check(self) -> None:
        if not self.entry_script:
            raise InvalidInput("A ParallelRunConfig has no entry_script")
        if self.output_action not in ("append_row", "summary_only"):
            raise InvalidInput(f"output_action is {self.output_action!r}", expected="'append_row' or 'summary_only'")
        for name, low in (("error_threshold", -1), ("allowed_failed_count", -1), ("node_count", 1)):
            _check_number(name, getattr(self, name), low)
        for name in ("process_count_per_node", "run_invocation_timeout", "run_max_try"):
            _check_number(name, getattr(self, name), 1)
        _check_number("allowed_failed_percent", self.allowed_failed_percent, 0, 100)
        level = self.logging_level
        if not isinstance(level, PipelineParameter) and level not in ("WARNING", "INFO", "DEBUG"):
            raise InvalidInput(f"logging_level is {level!r}", expected="'WARNING', 'INFO' or 'DEBUG'")
        if self.partition_keys is not None and self.mini_batch_size is not None:
            raise InvalidInput("Both partition_keys and mini_batch_size are given", mend="give one of them")
        if not isinstance(self.mini_batch_size, PipelineParameter):
            mini_batch(self.mini_batch_size)
        self._partition_keys()

    def _partition_keys(self) -> Sequence[str] | PipelineParameter | None:
        keys = self.partition_keys
        if keys is None or isinstance(keys, PipelineParameter):
            return keys
        if isinstance(keys, str):
            try:
                keys = json.loads(keys)
            except ValueError:
                keys = [keys]
        if not isinstance(keys, (list, tuple)) or not all(isinstance(key, str) for key in keys):
            raise InvalidInput(f"partition_keys is {keys!r}", expected="a list of column names")
        return list(keys)

    def _document(self) -> dict[str, Any]:
        """What the node's payload holds of these settings; parameters still as objects."""
        document = {name: getattr(self, name) for name in _PAYLOAD_FIELDS if getattr(self, name) is not None}
        keys = self._partition_keys()
        return document if keys is None else {**document, "partition_keys": keys}


def mini_batch(value: Any) -> tuple[int, str] | None:
    """``(number, unit)`` of a mini-batch size; the unit is ``""``, ``b``, ``kb``, ``mb`` or ``gb``.

    :raises InvalidInput: for anything but a positive number with an optional unit.
    """
    if value is None:
        return None
    found = None if isinstance(value, bool) else _SIZE.match(str(value))
    if not found or int(found.group(1)) < 1:
        raise InvalidInput(
            f"mini_batch_size is {value!r}", expected="a number of files, or a size such as '1KB', '10MB'"
        )
    return int(found.group(1)), (found.group(2) or "").lower()


def _check_number(name: str, value: Any, low: float, high: float = float("inf")) -> None:
    if value is None or isinstance(value, PipelineParameter):
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        upper = "" if high == float("inf") else f" and at most {high}"
        raise InvalidInput(f"{name} is {value!r}", expected=f"a number of at least {low}{upper}")
