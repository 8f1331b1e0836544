"""Reads a request's body: at most so many bytes, JSON, of the right form. After the user is known, not before."""

from __future__ import annotations

import json
import math
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from mlsteps.rest.access import Caller
from mlsteps.rest.errors import Refused, first_fault
from mlsteps.rest.models import LARGEST, RunRequest

#: How deep lists and objects of a body may be nested.
_DEEPEST = 32


async def run_request(request: Request, user: Caller) -> RunRequest:
    """The body of a request that starts a run.

    :raises Refused: 413, 415 or 400.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "The body must be application/json.")
    data = _parsed(await _read(request))
    if not isinstance(data, dict):
        raise Refused(400, "The body must be a JSON object.")
    try:
        return RunRequest.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise Refused(400, first_fault(faults)) from None


async def _read(request: Request) -> bytes:
    too_large = Refused(413, f"The body has more than {LARGEST} bytes.")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > LARGEST:
        raise too_large
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():  # what a client says of the length need not be so
        size += len(part)
        if size > LARGEST:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _parsed(data: bytes) -> Any:
    try:
        found = json.loads(data.decode("utf-8"), parse_constant=_no_number)
        _check(found, _DEEPEST)
    except (ValueError, RecursionError):
        raise Refused(
            400, "The body is no JSON, nested too deep, or holds texts or numbers that cannot be kept."
        ) from None
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _check(value: Any, depth: int) -> None:
    """Databases keep neither half of a surrogate pair nor NUL, and no whole number beyond 64 bits."""
    if depth == 0:
        raise ValueError("too deep")
    if isinstance(value, str):
        value.encode("utf-8")
        if "\0" in value:
            raise ValueError("NUL")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth)
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif (isinstance(value, int) and not -(2**63) <= value < 2**63) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise ValueError("too large")
