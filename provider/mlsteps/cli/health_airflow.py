"""Whether the Airflow of a workspace is there, takes our login, and serves the workspace; versions."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from mlsteps.cli.health import Finding, fault, note, ok
from mlsteps.errors import AuthenticationException, AzureMLException
from mlsteps.registry import schedules
from mlsteps.registry.placements import list_placements

if TYPE_CHECKING:
    from mlsteps.client.target import Target
    from mlsteps.sdk.workspace import Workspace

_US = "airflow-provider-mlsteps"
_FIRST, _LAST = (3, 3), (4, 0)
_BUNDLE = "MlstepsDagBundle"
#: What an Airflow runs of; the triggerer counts only where something needs it.
_PARTS = {"metadatabase": "the database", "scheduler": "airflow scheduler", "dag_processor": "airflow dag-processor"}


def versions() -> Iterator[Finding]:
    """Of Python, this package and Airflow, as they are installed here."""
    yield ok("versions", "python", platform.python_version())
    yield ok("versions", "mlsteps", _installed(_US) or "from its source")
    airflow = _installed("apache-airflow") or _installed("apache-airflow-core")
    if airflow is None:
        yield note("versions", "apache-airflow", "is not installed here: there is no embedded Airflow")
    else:
        yield _fits(
            "versions", "apache-airflow", airflow, f"pip install 'apache-airflow>={_text(_FIRST)},<{_text(_LAST)}'"
        )


def airflow(workspace: Workspace) -> Iterator[Finding]:
    """The Airflow that runs the workspace's pipelines."""
    from mlsteps.client.target import target_if_any

    url = workspace._reference().get("airflow_url")
    if not url:
        yield note(
            "airflow",
            "embedded",
            "no Airflow is configured: pipelines run in one that ends with their script",
            "to have them run elsewhere: airflow_url in the workspace's connection or config.json",
        )
        return
    try:
        target = target_if_any(workspace._reference(), False)
        assert target is not None
        parts = target.api.healthy()
    except AzureMLException as error:
        yield fault("airflow", str(url), error, "check airflow_url, and that its API server runs")
        return
    except Exception as error:  # whatever the HTTP library raises before there is an answer
        yield fault("airflow", str(url), f"does not answer: {error}", "check airflow_url, and that its API server runs")
        return
    yield ok("airflow", str(url), "answers")
    yield from _parts(parts, _needs_triggerer(workspace))
    yield from _remote(workspace, target)


def bundle(workspace: Workspace) -> Iterator[Finding]:
    """Whether the configuration of the Airflow at hand names the workspace's DAG bundle; for ``airflow mlsteps``."""
    from airflow.configuration import conf

    configured: Any = conf.getjson("dag_processor", "dag_bundle_config_list", fallback=[]) or []
    ours = [item for item in configured if str(item.get("classpath", "")).rpartition(".")[2] == _BUNDLE]
    if not ours:
        yield note(
            "bundle",
            "dag_bundle_config_list",
            f"names no {_BUNDLE}: this Airflow serves no published pipelines",
            _bundle_advice(workspace),
        )
        return
    roots = {str(item.get("name")): _root_of(item.get("kwargs") or {}) for item in ours}
    mine = workspace._store().root
    serving = [name for name, root in roots.items() if root.rstrip("/") == mine.rstrip("/")]
    if serving:
        yield ok("bundle", serving[0], f"serves {mine}")
    else:
        told = ", ".join(f"{name} serves {root}" for name, root in roots.items())
        yield fault("bundle", "dag_bundle_config_list", f"serves other workspaces: {told}", _bundle_advice(workspace))


def _root_of(said: dict[str, Any]) -> str:
    if said.get("conn_id"):
        from mlsteps.hooks.mlsteps import MlstepsHook

        return str(MlstepsHook(said["conn_id"]).reference().get("root") or "")
    return str(said.get("root") or "")


def _parts(parts: dict[str, str], needs_triggerer: bool) -> Iterator[Finding]:
    wanted = {**_PARTS, **({"triggerer": "airflow triggerer"} if needs_triggerer else {})}
    for name, program in wanted.items():
        state = parts.get(name)
        if state == "healthy":
            yield ok("airflow", name, state)
        else:
            why = "; a schedule that watches data, or a deferred step, needs it" if name == "triggerer" else ""
            yield fault(
                "airflow", name, f"{'is missing' if state in (None, 'None') else state}{why}", f"start {program}"
            )


def _remote(workspace: Workspace, target: Target) -> Iterator[Finding]:
    """What only someone who is logged in is told."""
    try:
        there = target.api.versions(_US)
        serves = target.api.serves(workspace._document_if_there())
        errors = target.api.import_errors()
    except AuthenticationException as error:
        yield fault("airflow", "login", error, "check user and password, or token, of the workspace's connection")
        return
    except AzureMLException as error:
        yield fault("airflow", "API", error, "look into the log of its API server")
        return
    yield ok("airflow", "login", "is taken")
    yield _fits("airflow", "version", there.airflow, "use an Airflow that mlsteps is made for")
    yield _ours(there.provider)
    if serves:
        yield ok("bundle", target.url, "serves the workspace")
    else:
        yield fault(
            "bundle",
            target.url,
            "serves no pipelines of this workspace, or this login may not load DAGs",
            _bundle_advice(workspace),
        )
    yield from pools(workspace, target)
    for text in errors[:3]:
        yield note(
            "airflow", "a DAG file", f"cannot be loaded: {text.strip().splitlines()[-1]}", text.partition(":")[0]
        )


def pools(workspace: Workspace, target: Target) -> Iterator[Finding]:
    """Of compute targets: the tasks of a pool that is not there wait for ever."""
    placements = list_placements(workspace._store())
    for pool, name in sorted({item["pool"]: name for name, item in placements.items() if item.get("pool")}.items()):
        if target.api.has_pool(pool):
            yield ok("airflow", f"pool {pool}", f"is there for steps on {name}")
        else:
            how = f"airflow mlsteps compute set {name} --pool {pool} --slots 4"
            yield fault("airflow", f"pool {pool}", f"is not there: steps on {name} would wait for ever", how)


def _ours(there: str | None) -> Finding:
    here = _installed(_US)
    if there is None:
        return fault("airflow", _US, "is not installed there", f"pip install {_US}=={here}, in all its parts")
    if here is not None and here != there:
        return fault("airflow", _US, f"is {there} there and {here} here", "install the same release in both places")
    return ok("airflow", _US, there)


def _fits(area: str, what: str, found: str, mend: str) -> Finding:
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if _FIRST <= numbers < _LAST:
        return ok(area, what, found)
    return fault(area, what, f"{found}; mlsteps is made for {_text(_FIRST)} and later, below {_text(_LAST)}", mend)


def _needs_triggerer(workspace: Workspace) -> bool:
    ws = workspace._store()
    deferred = any((item.get("options") or {}).get("deferrable") for item in list_placements(ws).values())
    return deferred or any(item.get("watch") for item in schedules.list_schedules(ws))


def _bundle_advice(workspace: Workspace) -> str:
    bundle = {
        "name": "mlsteps",
        "classpath": f"mlsteps.bundles.{_BUNDLE}",
        "kwargs": {"root": workspace._store().root},
    }
    return f"add to [dag_processor] dag_bundle_config_list: {json.dumps(bundle)}"


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _text(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
