"""A run's status, and what is known of it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from mlsteps.errors import ActivityFailedException, UserErrorException
from mlsteps.sdk import run_types
from mlsteps.sdk.run_records import RunRecords

if TYPE_CHECKING:
    from mlsteps.sdk.environment import Environment

_TERMINAL = ("Completed", "Failed", "Canceled")
#: Seconds between looks at a run that is waited for: first and at most.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0


class RunStatus(RunRecords):
    """The methods of a run about its status and details (SDK: ``azureml.core.Run``)."""

    def start(self) -> None:
        """Mark the run as running."""
        self._write("status", status="Running")

    def complete(self, _set_status: bool = True) -> None:
        """Mark the run as completed and keep its outputs folder."""
        self._keep_outputs()
        if _set_status:
            self._write("status", status="Completed")

    def fail(self, error_details: Any = None, error_code: str | None = None, _set_status: bool = True) -> None:
        """Mark the run as failed.

        :param error_details: a text or an exception; :param error_code: a text for programs.
        """
        self._keep_outputs()
        if _set_status:
            error = {"category": "user", "message": str(error_details or ""), "code": error_code}
            self._write("status", status="Failed", final=True, error={k: v for k, v in error.items() if v is not None})

    def cancel(self) -> None:
        """Ask the run to stop; one that nobody runs is canceled at once."""
        kind = self._head()["type"]
        idle = kind not in (run_types.PIPELINE, run_types.STEP, run_types.SCRIPT)
        self._write("status", status="Canceled" if idle else "CancelRequested")

    def get_status(self) -> str:
        """The status: ``NotStarted``, ``Queued``, ``Preparing``, ``Running``, ``Finalizing``, ``CancelRequested``,
        ``Completed``, ``Failed`` or ``Canceled``."""
        return self._current_status()

    def get_detailed_status(self) -> dict[str, Any]:
        """``{"status":, "details":}``, the details being the error of a failed run."""
        from mlsteps.sdk.run_details import error_message

        state = self._told_state()
        return {"status": self._current_status(state), "details": error_message(state) or None}

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> Any:
        """Wait until the run has ended; returns :meth:`get_details`.

        :param show_output: print what the script writes meanwhile.
        :raises ActivityFailedException: when it failed and ``raise_on_error`` is on.
        """
        printed, pause = 0, _FIRST_WAIT
        if show_output:
            print(f"RunId: {self.id}")
        while True:
            status = self._current_status()
            printed = self._print_log(printed) if show_output else 0
            if status in _TERMINAL:
                break
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_WAIT)
        if status == "Failed" and raise_on_error:
            raise ActivityFailedException(self._failure(), error_details=self.get_details().get("error"))
        return self.get_details()

    def _print_log(self, printed: int) -> int:
        from mlsteps.sdk.run_details import SCRIPT_LOG

        store = self._artifacts()
        entry = store.entry(SCRIPT_LOG)
        if entry is None or entry.size <= printed:
            return printed
        data = store.read(SCRIPT_LOG)
        sys.stdout.write(data[printed:].decode("utf-8", "replace"))
        sys.stdout.flush()
        return len(data)

    def _failure(self) -> str:
        from mlsteps.sdk.run_details import error_message

        return f"The run {self.id} ({self.display_name}) failed.\n{error_message(self._state())}".rstrip()

    def flush(self, timeout_seconds: int = 300) -> None:
        """Nothing to wait for: everything is written at once."""

    def clean(self) -> list[str]:
        """Nothing to remove: files of a run are removed when it ends."""
        return []

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, exit_type: Any, value: BaseException | None, traceback: Any) -> None:
        if value is None:
            self.complete()
        else:
            self.fail(error_details=f"{exit_type.__name__}: {value}")

    # Details

    def get_details(self) -> dict[str, Any]:
        """``runId, target, status, startTimeUtc, endTimeUtc, properties, inputDatasets, outputDatasets, logFiles,
        submittedBy``, and ``runDefinition`` and ``error`` when there are any."""
        from mlsteps.sdk.run_details import details

        return details(self)

    def get_details_with_logs(self) -> dict[str, Any]:
        """As :meth:`get_details`, ``logFiles`` holding the logs' text."""
        found = self.get_details()
        logs = {name: self._reading(name).read(name) for name in found["logFiles"]}
        found["logFiles"] = {name: data.decode("utf-8", "replace") for name, data in logs.items()}
        return found

    def get_all_logs(self, destination: str | None = None) -> list[str]:
        """Bring the logs below a folder (default one named by the run's id); returns their paths."""
        from mlsteps.sdk.run_details import download_logs

        return download_logs(self, destination)

    def get_environment(self) -> Environment:
        """The environment it ran in.

        :raises UserErrorException: when the run does not say.
        """
        from mlsteps.sdk.environment import Environment

        document = self._head().get("environment")
        if not isinstance(document, Mapping):
            raise UserErrorException(f"The run {self.id} names no environment.")
        return Environment._from_document(document)

    def get_secret(self, name: str) -> str:
        """A secret of the workspace."""
        return self.experiment.workspace.get_default_keyvault().get_secret(name)

    def get_secrets(self, secrets: Sequence[str]) -> dict[str, str | None]:
        """Secrets of the workspace by name."""
        return self.experiment.workspace.get_default_keyvault().get_secrets(secrets)

    def get_portal_url(self) -> str:
        """Where a person can look at it: Airflow's page when the run says, else the folder of its files."""
        address = str(self._head().get("portal_url") or "")
        if address and "://" not in address:
            address = self.experiment.workspace.discovery_url.rstrip("/") + address
        return address if "://" in address else str(self._artifacts().url)

    @property
    def portal_url(self) -> str:
        """The same as :meth:`get_portal_url`."""
        return self.get_portal_url()

    @classmethod
    def get_docs_url(cls) -> str:
        """The SDK's page about runs."""
        return "https://docs.microsoft.com/python/api/azureml-core/azureml.core.Run"
