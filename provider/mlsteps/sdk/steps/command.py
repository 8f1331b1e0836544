"""``CommandStep``: run any command."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.script import ScriptStep, is_run_configuration

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder

#: Text that only a shell understands: operators, redirections, globs, substitutions, home folders.
_SHELL = re.compile(r"[&|;<>`*?()\n]|\$[({A-Za-z_]|(^|\s)~")


class CommandStep(ScriptStep):
    """Run a command (SDK docs: ``azureml.pipeline.steps.CommandStep``).

    A text is for a shell. A list of texts, inputs, outputs and pipeline parameters is run as it stands, without a
    shell, unless one of its texts needs one (``&&``, pipes, redirections): then its texts make one line for a shell.

    :param command: default: that of ``runconfig``.
    :param runconfig: RunConfiguration, or ScriptRunConfig, whose source directory, script and arguments count too.
    :param name: default: the command's first word.
    :raises InvalidInput: when there is no command.
    """

    node_type = "Command"
    arguments_field = "command"

    def __init__(
        self,
        command: Any = None,
        name: str | None = None,
        compute_target: Any = None,
        runconfig: Any = None,
        runconfig_pipeline_params: Mapping[str, Any] | None = None,
        inputs: Any = None,
        outputs: Any = None,
        params: Mapping[str, Any] | None = None,
        source_directory: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
    ) -> None:
        command = command or _command_of(runconfig)
        if not command:
            raise InvalidInput(
                f"CommandStep {name!r} has no command",
                mend="give command, or a runconfig that has a command or a script",
            )
        self._is_text = isinstance(command, str)
        items = [command] if self._is_text else list(command)
        super().__init__(
            name=name or _first_word(items),
            arguments=items,
            compute_target=compute_target,
            runconfig=runconfig,
            runconfig_pipeline_params=runconfig_pipeline_params,
            inputs=inputs,
            outputs=outputs,
            params=params,
            source_directory=source_directory or _directory_of(runconfig),
            allow_reuse=allow_reuse,
            version=version,
        )

    def _node(self, build: StepBuilder) -> StepNode:
        return self._script_node(build, script=None, arguments=(), command=self._command(build))

    def _command(self, build: StepBuilder) -> Any:
        arguments = build.arguments(self._arguments)
        if self._is_text:
            return arguments[0] if arguments else ""
        texts = [item for item in arguments if isinstance(item, str)]
        if any(_SHELL.search(text) for text in texts):
            return shell_line(arguments)
        return tuple(word for item in arguments for word in _words(item))


def shell_line(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as one line for a shell, with blanks between them.

    Values that are known only when the step runs are the line's ``$1``, ``$2``...: they are never read as shell text,
    whatever a pipeline parameter holds.
    """
    words, values = [], []
    for item in arguments:
        if isinstance(item, Mapping):
            values.append(item)
            words.append(f'"${{{len(values)}}}"')
        else:
            words.append(str(item))
    return ("/bin/sh", "-c", " ".join(words), "sh", *values)


def _words(item: Any) -> list[Any]:
    """``"python train.py"`` in a list is two words, as it is for the SDK, which puts the list together with blanks."""
    if not isinstance(item, str) or not any(mark in item for mark in " '\"\t"):
        return [item]
    try:
        return shlex.split(item)
    except ValueError:  # an apostrophe that closes nothing: text for a reader, not for a shell
        return [item]


def _command_of(runconfig: Any) -> Any:
    """The command of a RunConfiguration or ScriptRunConfig; a script there is run with Python."""
    configs = [] if runconfig is None else [runconfig]
    if not is_run_configuration(runconfig):
        configs.append(getattr(runconfig, "run_config", None))
    for config in configs:
        if getattr(config, "command", None):
            return config.command
        if getattr(config, "script", None):
            return ["python", config.script, *(config.arguments or [])]
    return None


def _directory_of(runconfig: Any) -> Any:
    return None if is_run_configuration(runconfig) else getattr(runconfig, "source_directory", None)


def _first_word(items: list[Any]) -> str:
    words = items[0].split() if items and isinstance(items[0], str) else []
    return words[0] if words else "command"
