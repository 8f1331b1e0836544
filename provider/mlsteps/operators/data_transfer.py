"""``DataTransferOperator``: files from any store to any store, in a DAG of one's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlsteps.storage.copying.plan import Plan


class DataTransferOperator(BaseOperator):  # type: ignore[misc]
    """Copy a file or a directory; the rules are those of the SDK's ``DataTransferStep``.

    ::

        DataTransferOperator(
            task_id="fetch",
            source="s3://landing/{{ ds }}",
            source_conn_id="aws_landing",
            destination="abfs://wasb_lake@raw/sales/{{ ds }}",
        )

    Several files at once, verified, each whole under its name or not at all; copied by the service itself where both
    ends lie in one account. A try that comes after a killed one moves only what had not arrived. Other files at the
    destination stay; those of the same names are replaced; nothing is deleted at the source.

    :param source: a path of the worker, a URL (``s3://``, ``abfs://``, ``gs://``, ``smb://``, ``https://`` ...; with
        ``conn_id@`` before the bucket it names a connection), or ``azureml://datastores/<name>/paths/<path>``.
        (templated)
    :param destination: likewise. (templated)
    :param source_conn_id: connection with the credentials of the source; none for local paths, public data and what the
        machine's own identity opens. (templated)
    :param destination_conn_id: of the destination. (templated)
    :param source_type: ``file`` or ``directory``; by default what lies there. (templated)
    :param destination_type: the same; by default what lies there, else as the source. (templated)
    :param only_plan: say what would be copied, and copy nothing.
    :param workers: copies at once.
    :param mlsteps_conn_id: of the workspace whose datastores ``azureml://`` places are in.
    """

    template_fields: Collection[str] = (
        "source",
        "destination",
        "source_conn_id",
        "destination_conn_id",
        "source_type",
        "destination_type",
    )
    ui_color = "#fbe5c8"

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        source_conn_id: str | None = None,
        destination_conn_id: str | None = None,
        source_type: str | None = None,
        destination_type: str | None = None,
        only_plan: bool = False,
        workers: int = 8,
        mlsteps_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.destination = destination
        self.source_conn_id = source_conn_id
        self.destination_conn_id = destination_conn_id
        self.source_type = source_type
        self.destination_type = destination_type
        self.only_plan = only_plan
        self.workers = workers
        self.mlsteps_conn_id = mlsteps_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Copy; answers ``{"destination", "kind", "files", "bytes", "tree"}`` (the ``return_value`` XCom).

        :raises AirflowFailException: when another try would not help: a destination of the wrong kind, a connection
            that does not exist.
        :raises DatasetValidationError: when nothing lies at the source; it may come before the next try.
        """
        from mlsteps.operators.failures import told_to_airflow

        self._stopped = False
        with told_to_airflow():
            plan = self.plan()
            self.log.info("%s", plan.described())
            answer = {"destination": plan.store.url_of(plan.path), "kind": plan.kind}
            if self.only_plan:
                return {**answer, "files": len(plan.items), "bytes": plan.size}
            from mlsteps.storage.copying.run import copy

            with self._tidied(plan, context):
                manifest = copy(plan, workers=self.workers, note=self.log.info, check=self._check)
            return {**answer, "files": len(manifest.files), "bytes": manifest.size, "tree": manifest.tree}

    def plan(self) -> Plan:
        """What is to be copied where; lists the source, and looks at the destination."""
        from mlsteps.errors import InvalidInput
        from mlsteps.hooks.places import open_place
        from mlsteps.storage.copying.plan import DIRECTORY, FILE, plan, sources

        for name in ("source_type", "destination_type"):
            if getattr(self, name) not in (None, "", FILE, DIRECTORY):
                raise InvalidInput(f"{name} is {getattr(self, name)!r}", expected="file or directory")
        source = open_place(str(self.source), self.source_conn_id, self.mlsteps_conn_id)
        target = open_place(str(self.destination), self.destination_conn_id, self.mlsteps_conn_id)
        kind, found = sources(source.store, source.path, self.source_type or None)
        return plan(found, kind, target.store, target.path, self.destination_type or None)

    @contextmanager
    def _tidied(self, plan: Plan, context: Context) -> Iterator[None]:
        """A try that fails leaves the parts of large files to the next; the last one leaves none."""
        from mlsteps.errors import AzureMLException
        from mlsteps.storage.copying.run import give_up

        try:
            yield
        except Exception:
            instance: Any = context.get("ti")
            if instance is not None and instance.try_number > instance.max_tries:
                try:
                    give_up(plan)
                except AzureMLException as error:  # the store is out of reach: the failure to be told is the transfer's
                    self.log.warning("Parts of large files may be left: %s", error.message)
            raise

    def dry_run(self) -> None:
        """Say what would be copied."""
        self.log.info("%s", self.plan().described())

    def on_kill(self) -> None:
        """Stop; what has not arrived whole leaves nothing behind under its name."""
        self._stopped = True

    def _check(self) -> None:
        from airflow.sdk.exceptions import AirflowException

        if self._stopped:
            raise AirflowException("The transfer was stopped.")
