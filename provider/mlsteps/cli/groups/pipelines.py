"""``pipelines list | show | publish | trigger | diff | export``."""

from __future__ import annotations

from mlsteps.cli.grammar import Command, Group, argument

_MODULE = "mlsteps.cli.commands.pipelines"
_WHICH = argument(
    "pipeline",
    help="Id, first digits of the id, or name of a published pipeline (the newest active one of that name), or name or "
    "id of an endpoint",
    completer="mlsteps.cli.completion:pipelines",
)
_ALL = argument("-a", "--all", action="store_true", help="Disabled ones, too")
_GRAPHS = (
    "a published pipeline or endpoint; run:ID of a pipeline run; dag:ID of a DAG in Airflow's bundles; a .json or .yml "
    "file; or FILE.py:VARIABLE"
)
_GO_ON = argument(
    "--continue-on-step-failure",
    action="store_true",
    default=None,
    help="After a failure go on with what does not depend on it",
)

_PUBLISH = (
    argument("source", help=f"What to publish: {_GRAPHS}"),
    argument("-n", "--name", help="Its name; need not be unique"),
    argument("-d", "--description", help="What it does"),
    argument("--version", help="A text that people know it by"),
    argument("--endpoint", help="Make it the default version of this endpoint, which is made when it is not there"),
    _GO_ON,
)
_TRIGGER = (
    _WHICH,
    argument("-p", "--parameter", action="append", metavar="NAME=VALUE", help="Value of a parameter; may be repeated"),
    argument("-e", "--experiment", help="Experiment of the run; by default named after the pipeline"),
    argument("-t", "--tag", action="append", metavar="NAME=VALUE", help="Tag of the run; may be repeated"),
    argument("--pipeline-version", help="Version of an endpoint; its default one when left out"),
    argument("--regenerate-outputs", action="store_true", help="Run every step; use no earlier results"),
    _GO_ON,
    argument("--wait", action="store_true", help="Wait for the end; exit code 1 when the run failed"),
    argument("-f", "--follow", action="store_true", help="Wait, and print what the steps write"),
)

PIPELINES = Group(
    "pipelines",
    "Published pipelines and their endpoints",
    (
        Command(
            "list",
            "Published pipelines, newest first",
            f"{_MODULE}:list_",
            (_ALL, argument("--endpoints", action="store_true", help="Endpoints in place of pipelines")),
        ),
        Command("show", "One pipeline: parameters, steps, versions of an endpoint", f"{_MODULE}:show", (_WHICH,)),
        Command("publish", "Publish a pipeline", f"{_MODULE}:publish", _PUBLISH),
        Command("trigger", "Start a run of a published pipeline", f"{_MODULE}:trigger", _TRIGGER),
        Command(
            "diff",
            "What differs between two pipelines, by step and field; exit code 1 when anything does",
            f"{_MODULE}:diff",
            (argument("before", help=f"{_GRAPHS}"), argument("after", help="The other one")),
        ),
        Command(
            "export",
            "Write a pipeline as its graph's JSON, or as the SDK's YAML with its sources",
            "mlsteps.cli.commands.export:export",
            (
                argument("pipeline", help=_GRAPHS, completer="mlsteps.cli.completion:pipelines"),
                argument("--format", choices=("json", "yaml"), default="json", help="default: json"),
                argument("-f", "--file", help="Where to write JSON; standard output when left out"),
                argument("-d", "--directory", help="Folder for YAML: pipeline.yml, and each step's source"),
            ),
            reads=False,
        ),
    ),
)
