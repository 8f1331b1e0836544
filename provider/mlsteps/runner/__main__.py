"""``python -m mlsteps.runner SPEC RESULT``; see the package's docstring for standard input and output."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable, NoReturn

from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.runner import result as result_file
from mlsteps.runner import tree
from mlsteps.runner.attempt import Attempt
from mlsteps.runner.cancel import Cancel
from mlsteps.runner.console import Console
from mlsteps.storage import relayed

#: Seconds between SIGTERM and SIGKILL; the variable ``MLSTEPS_KILL_GRACE`` overrides it.
GRACE = 10.0


def main(argv: list[str], answered: Callable[[], None] = lambda: None) -> int:
    """Run the spec in the file ``argv[0]`` and leave the result in ``argv[1]``; the exit code.

    :param answered: called when the result is there and only what was made here remains to be removed.
    """
    if len(argv) != 2:
        print("usage: python -m mlsteps.runner SPEC RESULT", file=sys.stderr)
        return 2
    spec_path, result_path = map(os.path.abspath, argv)
    os.environ.pop(relayed.VARIABLE, None)  # of a step that started this one
    credentials = _credentials(0)
    with open(spec_path, encoding="utf-8", errors="surrogatepass") as file:
        spec = StepSpec.from_json(json.load(file))
    tree.become_subreaper()
    grace = float(os.environ.get("MLSTEPS_KILL_GRACE") or GRACE)

    def last_resort() -> NoReturn:
        attempt.give_up()
        error = {"category": "user", "message": "The step was cancelled; a transfer did not end by itself."}
        result_file.write(result_path, StepResult("Canceled", error=error))
        attempt.clean()
        os._exit(1)

    cancel = Cancel(last_resort)
    attempt = Attempt(spec, credentials or {}, cancel=cancel, console=Console(1), grace=grace)
    if credentials is None:
        cancel.request()
    cancel.watch(0)
    result = attempt.run()
    cancel.over()
    result_file.write(result_path, result)
    answered()
    attempt.clean()
    return 0 if result.status == "Completed" else 1


def _credentials(stdin: int) -> Any:
    """The line of credentials; None when standard input closed before it came.

    Read byte by byte from the descriptor: a buffer could hold a lock across the fork of the script.
    """
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(stdin, 1 if not line else 65536)
        if not piece:
            return None
        line += piece
    return json.loads(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
