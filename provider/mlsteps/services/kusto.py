"""``KustoStep``: a query of Azure Data Explorer, through the hook of Airflow's Azure provider; its rows are the output.

The rows are written as ``<query file>.csv`` with a header, below the step's output.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.contracts.spec import StepSpec
from mlsteps.errors import InvalidInput
from mlsteps.runner.stores import Stores
from mlsteps.services.job import Job, State
from mlsteps.services.values import Values
from mlsteps.storage import snapshots

if TYPE_CHECKING:
    from airflow.providers.microsoft.azure.hooks.adx import AzureDataExplorerHook


class KustoJob(Job):
    """One query; over when it was asked."""

    def __init__(self, hook: AzureDataExplorerHook, node: StepNode, spec: StepSpec, stores: Stores) -> None:
        self._hook = hook
        self._node = node
        self._spec = spec
        self._stores = stores
        self._values = Values(spec, lambda document, path: path)

    def start(self, key: str) -> str:
        """Ask, and write the rows. Asking again does no harm: it writes the same place."""
        from azure.kusto.data import ClientRequestProperties

        name, text = self._query()
        properties = ClientRequestProperties()
        properties.client_request_id = f"mlsteps;{key}"
        for parameter, value in self._values.filled(dict(self._node.parameters)).items():
            properties.set_parameter(parameter, str(value))
        database = str(self._values.filled(self._node.payload["database_name"]))
        answer = self._hook.get_conn().execute(database, text, properties)
        (output,) = self._spec.outputs
        path = f"{output.path}/{os.path.splitext(name)[0]}.csv"
        self._stores.datastore(output.datastore).write(path, _as_csv(answer.primary_results[0]))
        return key

    def look(self, job_id: str) -> State:
        """See :meth:`Job.look`."""
        return State("answered", ended=True)

    def cancel(self, job_id: str) -> None:
        """There is nothing left to stop."""

    def _query(self) -> tuple[str, str]:
        """Name and text of the one file in ``query_directory``."""
        with tempfile.TemporaryDirectory(prefix="mlsteps-") as folder:
            code = os.path.join(folder, "code")
            snapshots.unpack(str(self._spec.snapshot), self._stores.workspace, code)
            found = sorted(os.listdir(code))
            if len(found) != 1:
                raise InvalidInput(
                    f"query_directory of KustoStep {self._node.name!r} holds {found or 'nothing'}",
                    expected="exactly one query file",
                )
            with open(os.path.join(code, found[0]), encoding="utf-8") as file:
                return found[0], file.read()


def _as_csv(table: Any) -> bytes:
    """A header, then the rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    names = [column.column_name for column in table.columns]
    writer.writerow(names)
    writer.writerows([row[name] for name in names] for row in table)
    return text.getvalue().encode("utf-8")
