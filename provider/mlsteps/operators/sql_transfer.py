"""A transfer with rows of a database at one end: done in the task's own process, where Airflow's hooks are.

Rows become one file of delimited text, and a transfer of files from there; files become rows in one transaction.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from mlsteps.compute.base import Target
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepResult, StepSpec
from mlsteps.errors import AzureMLException, InvalidInput, UserErrorException
from mlsteps.hooks.databases import open_database
from mlsteps.registry.runs import RunStore
from mlsteps.runner.stores import Stores
from mlsteps.runner.transfer import files_of

if TYPE_CHECKING:
    from mlsteps.contracts.manifest import OutputManifest
    from mlsteps.hooks.rows import Rows

#: Where a try says, just before it commits, in which transaction it appends: ``transfers/<pipeline run>/<step>.json``.
_MARKS = "transfers"


class Stopped(Exception):
    """The task is to end."""


class SqlTransfer(Target):
    """Runs the spec of a ``DataTransferStep`` with ``source_sql`` or ``destination_sql``."""

    def __init__(self, step_id: str) -> None:
        self._step_id = step_id
        self._database: Rows | None = None
        self._stopped = False

    def prepare(self, environment: Mapping[str, Any] | None, report: Callable[[str], None]) -> str:
        """No Python is needed."""
        return ""

    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        """See :meth:`Target.run`."""
        started = time.monotonic()
        self._stores, self._note = Stores(spec, credentials), on_line
        try:
            self._check(0)
            result = self._to_rows(spec) if spec.transfer.get("destination_sql") else self._to_files(spec)
        except Stopped:
            return StepResult("Canceled", error={"category": "user", "message": "The step was cancelled."})
        except AzureMLException as error:
            if self._stopped:
                return StepResult("Canceled", error={"category": "user", "message": "The step was cancelled."})
            category = "user" if isinstance(error, UserErrorException) else "infrastructure"
            return StepResult("Failed", error={"category": category, "message": error.message})
        outputs, links = result
        timings = {"run": round(time.monotonic() - started, 3)}
        return StepResult("Completed", 0, {}, outputs, links, timings)

    def stop(self) -> None:
        """See :meth:`Target.stop`."""
        self._stopped = True
        if self._database is not None:
            self._database.cancel()

    def _check(self, count: int) -> None:
        if self._stopped:
            raise Stopped()

    # -- rows to files

    def _to_files(self, spec: StepSpec) -> tuple[dict[str, OutputManifest], dict[str, Any]]:
        from mlsteps.storage.copying.plan import FILE, plan, sources
        from mlsteps.storage.copying.run import copy
        from mlsteps.storage.open import open_store

        sql, target = spec.transfer["source_sql"], self._output(spec)
        with tempfile.TemporaryDirectory(prefix="mlsteps-rows-") as folder:
            name = f"{str(sql.get('sql_table') or 'rows').rpartition('.')[2]}.csv".replace("/", "_")
            self._export(spec.datastores[sql["datastore"]], sql, os.path.join(folder, name))
            _, found = sources(open_store(folder), name, FILE)
            wanted = spec.transfer.get("destination_reference_type")
            store = self._stores.datastore(target.datastore)
            there = store.kind(target.path) if target.path else "directory"
            planned = plan(found, FILE, store, target.path, wanted or there or "directory")
            manifest = copy(planned, note=self._note, check=lambda: self._check(0))
        return {target.name: manifest}, {}

    def _export(self, document: Mapping[str, Any], sql: Mapping[str, Any], path: str) -> None:
        self._database = open_database(document)
        with open(path, "wb") as file:

            def write(piece: Any) -> None:
                self._check(0)
                file.write(piece)

            self._database.export(sql, write)
            self._note(f"The rows of datastore {document['name']!r} are {file.tell():,} bytes of delimited text.")

    # -- files to rows

    def _to_rows(self, spec: StepSpec) -> tuple[dict[str, OutputManifest], dict[str, Any]]:
        sql, target = spec.transfer["destination_sql"], self._output(spec)
        table = sql.get("sql_table")
        if not table:
            raise InvalidInput(
                "The destination of a transfer is a query or a procedure", expected="a table (sql_table)"
            )
        self._database = open_database(spec.datastores[sql["datastore"]])
        mark = f"{_MARKS}/{spec.pipeline_run_id}/{self._step_id}.json"
        if not self._appended_before(spec, mark):
            self._append(spec, str(table), mark)
        definition = {"type": "tabular", "sql": {"datastore": sql["datastore"], "query": f"SELECT * FROM {table}"}}
        return {}, {target.name: definition}

    def _append(self, spec: StepSpec, table: str, mark: str) -> None:
        assert self._database is not None
        found = self._files(spec)
        ws = self._stores.workspace

        def announce(transaction: str) -> None:
            self._check(0)
            ws.write_json(mark, {"run_id": spec.run_id, "transaction": transaction})

        rows = self._database.append(table, self._opened(found), announce, self._check)
        self._note(f"Appended {rows:,} rows of {len(found):,} files to {table}.")

    def _files(self, spec: StepSpec) -> list[Any]:
        if spec.transfer.get("source_sql"):
            raise InvalidInput(
                "Both ends of the transfer are databases", mend="transfer the rows to a file, and the file to the table"
            )
        source = self._input(spec)
        _, found = files_of(source, spec.transfer.get("source_reference_type"), self._stores)
        return found

    def _opened(self, found: list[Any]) -> Iterator[tuple[str, BinaryIO]]:
        for item in found:
            with item.store.open(item.path, item.size if item.size >= 0 else None) as file:
                yield item.store.url_of(item.path), file

    def _appended_before(self, spec: StepSpec, mark: str) -> bool:
        """Whether an earlier try of this step in this run was killed after it had committed its rows.

        A try that ended and was recorded does not count: whoever has the step run again wants the rows again.
        """
        ws = self._stores.workspace
        said = ws.read_json(mark)
        if said is None or RunStore(ws).state(said["run_id"]).status == "Completed":
            return False
        assert self._database is not None
        committed = self._database.has_committed(said["transaction"])
        if committed:
            self._note("The rows are in the table already: an earlier try was killed just after it had committed them.")
        return committed

    def _input(self, spec: StepSpec) -> InputSpec:
        return next(item for item in spec.inputs if item.name == spec.transfer["source"])

    def _output(self, spec: StepSpec) -> OutputSpec:
        return next(item for item in spec.outputs if item.name == spec.transfer["destination"])
