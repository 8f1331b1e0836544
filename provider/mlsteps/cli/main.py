"""The ``mlsteps`` command.

mlsteps run pipeline.py [argument ...]   run an SDK script that knows nothing of mlsteps
mlsteps check file [file ...]            which names of the SDK files use, and which of them mlsteps has
mlsteps explain [run-id] [--step name]   what a pipeline run ran and what it reused, and why
mlsteps pipelines | runs | datasets | models | schedules | workspace ...   see :mod:`mlsteps.cli.groups`
mlsteps completion SHELL                 lines that switch on completion
mlsteps --version

Nothing of Airflow is loaded by what only reads.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import nullcontext
from typing import Callable, Sequence

from mlsteps import __version__
from mlsteps.cli.answers import only_answers, say
from mlsteps.cli.completion import SHELLS, shell_code
from mlsteps.cli.exit_codes import INTERRUPTED, exit_code
from mlsteps.cli.grammar import add_group
from mlsteps.cli.groups import GROUPS
from mlsteps.errors import AzureMLException

_CHECK_CODES = "Exit code: 0, 1 when something is refused, 2 when a file cannot be read."

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; answers its exit code (:mod:`mlsteps.cli.exit_codes`).

    :param arguments: default those of the process.
    """
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    options = parser.parse_args(arguments)
    command: Command = options.command
    try:
        with nullcontext() if command is _run else only_answers():  # a script that is run prints what it likes
            return command(options)
    except AzureMLException as error:
        print(f"mlsteps: {error}", file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt:
        if command is _run:
            raise  # a script that is interrupted ends as Python's own do, which is how its runs are cancelled
        return INTERRUPTED
    except BrokenPipeError:  # as in `mlsteps runs list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mlsteps", description="Azure ML SDK v1 pipelines on Apache Airflow")
    parser.add_argument("--version", action="version", version=f"mlsteps {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_check(commands)
    _add_explain(commands)
    for group in GROUPS:
        add_group(commands, group)
    _add_completion(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "run an SDK script unchanged: `import azureml` finds mlsteps"
    parser = commands.add_parser("run", help=summary, description=summary)
    parser.add_argument("script", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the script gets as its arguments")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from mlsteps.cli.run_script import run_script

    return run_script(options.script, options.arguments)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "which names of the SDK files use: supported, accepted without effect, or refused; nothing is run"
    parser = commands.add_parser("check", help=summary, description=summary, epilog=_CHECK_CODES)
    parser.add_argument("files", nargs="+", metavar="file", help="a Python file, a notebook, or a folder of them")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    from mlsteps.cli.check import check

    return check(options.files, as_json=options.json)


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "what a pipeline run ran and what it reused, and why"
    parser = commands.add_parser("explain", help=summary, description=summary)
    parser.add_argument(
        "run", nargs="?", help="id of a pipeline run, its first digits, or latest, which is the default"
    )
    parser.add_argument("--step", help="only this step, component by component")
    parser.add_argument(
        "-w", "--workspace", help="its name, root or connection; default as Workspace.from_config() finds it"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(command=_explain)


def _explain(options: argparse.Namespace) -> int:
    from mlsteps.cli.explain_run import explain_run

    return explain_run(options.run, options.step, options.workspace, options.json)


def _add_completion(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "print the lines that switch on completion: source <(mlsteps completion bash)"
    parser = commands.add_parser("completion", help=summary, description=summary)
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(command=_completion)


def _completion(options: argparse.Namespace) -> int:
    say(shell_code(options.shell))
    return 0


if __name__ == "__main__":
    sys.exit(main())
