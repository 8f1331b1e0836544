"""The answer: a ``StepResult`` as a file that is whole or absent."""

from __future__ import annotations

import json
import os

from mlsteps.contracts.spec import StepResult


def write(path: str, result: StepResult) -> None:
    """Write the result under a temporary name, then rename it."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8", errors="surrogatepass") as file:
        json.dump(result.to_json(), file)
    os.replace(temporary, path)


def read(path: str) -> StepResult | None:
    """The result; None when the runner ended without one."""
    try:
        with open(path, encoding="utf-8", errors="surrogatepass") as file:
            return StepResult.from_json(json.load(file))
    except FileNotFoundError:
        return None
