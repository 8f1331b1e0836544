"""``azureml_user.parallel_run.EntryScript``: what a ParallelRunStep's script asks of its surroundings."""

from __future__ import annotations

import logging
import os
from typing import Any

_one: EntryScript | None = None


class EntryScript:
    """Folders and a logger for the ``init()`` and ``run()`` of a ParallelRunStep; one object a process."""

    def __new__(cls) -> EntryScript:
        global _one
        if _one is None:
            _one = super().__new__(cls)
        return _one

    @property
    def logger(self) -> logging.Logger:
        """A logger whose lines go to the step's log."""
        found = logging.getLogger("azureml_user.parallel_run")
        if not found.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s|%(levelname)s|%(process)d|%(message)s"))
            found.addHandler(handler)
            found.setLevel(logging.INFO)
            found.propagate = False
        return found

    @property
    def working_dir(self) -> str:
        """Folder for temporary files; it exists."""
        return _made(os.environ.get("AZUREML_BI_WORKING_PATH") or os.getcwd())

    @property
    def logs_dir(self) -> str:
        """Folder for the script's own logs; it exists and belongs to the run."""
        return _made(os.path.join("logs", "user"))

    @property
    def output_dir(self) -> str:
        """Folder of the step's output; it exists."""
        return _made(os.environ.get("AZUREML_BI_OUTPUT_PATH") or "outputs")

    @property
    def config(self) -> dict[str, Any]:
        """Settings of the step; empty where there are none."""
        return {}


def _made(folder: str) -> str:
    os.makedirs(folder, exist_ok=True)
    return os.path.abspath(folder)
