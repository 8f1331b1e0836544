"""Answers that are no success: what went wrong and never where in the server."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from mlsteps.errors import AzureMLException, StoreError, UserErrorException
from mlsteps.storage.base import redact

log = logging.getLogger(__name__)

_CODES = {
    400: "UserError",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "PayloadTooLarge",
    415: "UnsupportedMediaType",
    503: "ServiceUnavailable",
}


class Refused(HTTPException):
    """A request that is answered with an error.

    :param message: for the person who made it; names nothing that they did not.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, dict(headers or {}))


def not_found() -> Refused:
    """There is none, or none that this user may see: the answer is the same."""
    return Refused(404, "There is no such pipeline, endpoint or workspace here.")


def later(message: str, seconds: int) -> Refused:
    """It may work in a while."""
    return Refused(503, message, {"Retry-After": str(seconds)})


def refused(error: AzureMLException, root: str, name: str) -> Refused:
    """The answer to an error of ours.

    :param root: of the workspace, which is told as its :param name:.
    """
    if isinstance(error, UserErrorException):
        return Refused(400, redact(str(error)).replace(root, name))
    if isinstance(error, StoreError):
        log.error("The workspace %s cannot be used: %s", name, error)
        return later("The workspace's store does not answer.", 10)
    log.error("A run could not be started in the workspace %s: %s", name, error)
    return later("The run could not be started.", 10)


def answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as its answer."""
    code = _CODES.get(status, "InternalError" if status >= 500 else "UserError")
    return JSONResponse({"error": {"code": code, "message": message}}, status, dict(headers or {}))


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """What Airflow's dependencies and our routes raise."""
    assert isinstance(error, StarletteHTTPException)
    return answer(error.status_code, str(error.detail), error.headers)


async def on_bad_request(request: Request, error: Exception) -> JSONResponse:
    """Query parameters that do not fit."""
    assert isinstance(error, RequestValidationError)
    return answer(400, first_fault(error.errors()))


def first_fault(faults: Sequence[Any]) -> str:
    """The first of pydantic's complaints, with its place; the value itself is not repeated."""
    fault = faults[0]
    place = ".".join(str(part)[:100] for part in fault["loc"])
    return f"{place or 'The body'}: {fault['msg']}."
