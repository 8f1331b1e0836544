"""``runs list | show | logs | cancel | outputs``."""

from __future__ import annotations

from mlsteps.cli.grammar import Command, Group, argument

_MODULE = "mlsteps.cli.commands.runs"
_RUN = argument(
    "run",
    help="Id of a run, its first digits, or 'latest': the newest pipeline run",
    completer="mlsteps.cli.completion:runs",
)
_STEP = argument("-s", "--step", help="Only this step, by id or name")

RUNS = Group(
    "runs",
    "Runs of pipelines and of their steps",
    (
        Command(
            "list",
            "Runs, newest first",
            f"{_MODULE}:list_",
            (
                argument(
                    "-e",
                    "--experiment",
                    help="Only those of this experiment",
                    completer="mlsteps.cli.completion:experiments",
                ),
                argument(
                    "-p",
                    "--pipeline",
                    help="Only those of this published pipeline or endpoint",
                    completer="mlsteps.cli.completion:pipelines",
                ),
                argument("--status", help="Only those of this status: Running, Completed, Failed, Canceled, ..."),
                argument("-n", "--limit", type=int, default=20, help="How many; 0: all (default: 20)"),
            ),
        ),
        Command("show", "One run: status, steps, parameters, metrics, error", f"{_MODULE}:show", (_RUN,)),
        Command(
            "logs",
            "What the scripts of a run wrote",
            "mlsteps.cli.commands.run_logs:logs",
            (
                _RUN,
                _STEP,
                argument(
                    "-f",
                    "--follow",
                    action="store_true",
                    help="Go on until the run has ended; exit code 1 when it failed",
                ),
                argument("-n", "--lines", type=int, help="Only the last lines of each step"),
            ),
            reads=False,
        ),
        Command("cancel", "Stop a pipeline run", f"{_MODULE}:cancel", (_RUN,), reads=False),
        Command(
            "outputs",
            "What the steps of a run have put out, and where it lies",
            "mlsteps.cli.commands.run_outputs:outputs",
            (_RUN, _STEP, argument("-d", "--download", metavar="FOLDER", help="Copy them to FOLDER/<step>/<output>")),
        ),
    ),
)
