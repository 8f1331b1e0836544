"""Standard output of a command has its answer alone, whatever libraries log and print meanwhile."""

from __future__ import annotations

import subprocess
import sys

#: In each of the ways that Airflow and its providers have; what they write to is decided when they are loaded.
CHATTY = """
from mlsteps.cli.answers import only_answers, say

with only_answers():
    import logging
    import structlog
    from airflow.sdk.bases.hook import BaseHook
    import airflow.settings

    airflow.settings.initialize()
    BaseHook().log.error("from a hook")
    structlog.get_logger("talks").error("from a library with structlog")
    logging.getLogger("talks").error("from a library without")
    print("from a DAG file")
    say("the answer")
print("and after it")
"""


def test_what_others_log_or_print_goes_to_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", CHATTY], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "the answer\nand after it\n"), done.stderr
    parts = ("from a hook", "from a library with structlog", "from a library without", "from a DAG file")
    assert [text for text in parts if text not in done.stderr] == []
