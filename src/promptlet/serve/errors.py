"""What a client is told when something is wrong: always an object as OpenAI's API gives it, never a stack trace."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from promptlet.errors import NoPromptError, PromptletError, UsageError


class ApiError(PromptletError):
    """An answer that is an error."""

    status, type, code = 500, "server_error", "internal_error"

    def __init__(
        self,
        message: str,
        param: str | None = None,
        wait: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.param, self.headers = param, dict(headers or {})
        if wait is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(wait)))

    def to_dict(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"error": {"message": str(self), "type": self.type, "param": self.param, "code": self.code}}


class FaultError(ApiError):
    """The server failed."""

    def __init__(self) -> None:
        super().__init__("the server failed to do this; its log says where, under the id of the request")


class InvalidError(ApiError):
    """What is asked for can't be had, or is no request at all."""

    status, type, code = 400, "invalid_request_error", "invalid_value"


class KeyMissingError(ApiError):
    """No key, or none that is valid."""

    status, type, code = 401, "invalid_request_error", "invalid_api_key"


class MissingError(ApiError):
    """There is no such route."""

    status, type, code = 404, "invalid_request_error", "not_found"


class ModelError(ApiError):
    """There is no such model."""

    status, type, code = 404, "invalid_request_error", "model_not_found"


class HostError(ApiError):
    """The server is not known by this name."""

    status, type, code = 421, "invalid_request_error", "unknown_host"


class MethodError(ApiError):
    """The route is there, but not for this method."""

    status, type, code = 405, "invalid_request_error", "method_not_allowed"


class SlowError(ApiError):
    """The client took too long to send its request."""

    status, type, code = 408, "invalid_request_error", "request_timeout"


class LargeError(ApiError):
    """The body is too large."""

    status, type, code = 413, "invalid_request_error", "request_too_large"


class NothingError(ApiError):
    """The student has nothing to give for this request."""

    status, type, code = 422, "invalid_request_error", "no_prompt"


class RateError(ApiError):
    """This client sends too many requests."""

    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class GoneError(ApiError):
    """The client has gone; nobody reads this answer."""

    status, type, code = 499, "client_closed_request", "client_closed_request"


class BusyError(ApiError):
    """All clients together send too many requests, or the server is about to end."""

    status, type, code = 503, "server_error", "overloaded"


class TimedOutError(ApiError):
    """The request could not be done in time."""

    status, type, code = 504, "server_error", "timeout"


class ErrorDetails(BaseModel):
    """What went wrong, as OpenAI's API says it."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """An error."""

    error: ErrorDetails


def answers(*kinds: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI says of these errors."""
    return {kind.status: {"model": ErrorAnswer, "description": kind.__doc__} for kind in kinds}


def explain(error: Exception) -> ApiError:
    """Return what a client is told of an error."""
    match error:
        case ApiError():
            told = error
        case UsageError():
            told = InvalidError(str(error), error.field)
        case NoPromptError():
            told = NothingError(f"{error}; ask for less, or take another seed")
        case RequestValidationError():
            # Of the ways in which a value may be given, the one that it was meant for tells most.
            told = _invalid(min(error.errors(), key=lambda each: each["type"].endswith("_type")))
        case HTTPException():
            kind = {404: MissingError, 405: MethodError, 413: LargeError}.get(error.status_code, InvalidError)
            told = kind(str(error.detail), headers=error.headers)
        case _:
            told = FaultError()
    return told


def respond(error: ApiError) -> Response:
    """Return the answer for an error. ASCII, for what is wrong with a text may be that it can't be encoded."""
    return Response(json.dumps(error.to_dict()), error.status, error.headers, "application/json")


def handle_errors(app: FastAPI) -> None:
    """Let an application answer what clients cause; what is the server's own fault goes on to `Watch`."""

    async def answer(_: HttpRequest, error: Exception) -> Response:
        return respond(explain(error))

    for kind in (PromptletError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


def _invalid(first: Mapping[str, Any]) -> ApiError:
    """Return the answer for a body or query that is not as the OpenAPI says."""
    where, *path = (str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return InvalidError(f"the body is no JSON: {first.get('ctx', {}).get('error', first['msg'])}")
    # Between the names stand tags of unions, such as `list[str]`.
    names = [part for part in path if part.isidentifier() or part.isdigit()]
    if where == "body" and not names and first["type"].endswith("_type"):
        return InvalidError("the body is no JSON object, or is not sent as Content-Type: application/json")
    param = ".".join(names)[:120] or None
    return InvalidError(f"{param or where}: {first['msg']}"[:500], param)
