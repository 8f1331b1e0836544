"""Calls a function that a step runs in place of a script: what ``step.py`` of such a step does.

``function.py`` beside that file holds the function's own source. Values come as JSON, data as paths, and what the
function returns is written as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
from typing import Any, Dict, List, Optional

#: The whole script of such a step; the same text whatever the function is.
SCRIPT = '''"""Calls the function in function.py."""

from mlsteps.runner.function import main

main()
'''
FUNCTION = "function.py"


def main(arguments: Optional[List[str]] = None) -> None:
    """Call it.

    :raises SystemExit: when what it returns is no JSON.
    """
    options = _parser().parse_args(arguments)
    folder = os.path.dirname(os.path.abspath(sys.argv[0]))
    function = runpy.run_path(os.path.join(folder, FUNCTION), run_name="function")[options.function]
    values: Dict[str, Any] = {**json.loads(options.values), **{name: path for name, path in options.data}}
    returned = function(**values)
    try:
        text = json.dumps(returned, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SystemExit(
            f"{options.function}() returned a {type(returned).__name__} that is no JSON ({error}). To mend it: return "
            "plain values, and write everything else to an output."
        ) from error
    os.makedirs(os.path.dirname(options.returned), exist_ok=True)
    with open(options.returned, "w", encoding="utf-8") as file:
        file.write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--function", required=True)
    parser.add_argument("--values", required=True)
    parser.add_argument("--returned", required=True)
    parser.add_argument("--data", nargs=2, action="append", default=[])
    return parser
