"""Errors as clients get them: always JSON of the form that OpenAI's API has, never a stack trace."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from promptlet.errors import NoPromptError, PromptletError, UsageError
from promptlet.validation import reason, shown


class ApiError(PromptletError):
    """An error with the HTTP status and the JSON body that answer a request."""

    status_code, type, code = 500, "server_error", "internal_error"

    def __init__(
        self,
        message: str,
        param: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.param, self.headers = param, dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON body of the response."""
        return {"error": {"message": str(self), "type": self.type, "param": self.param, "code": self.code}}


class InternalError(ApiError):
    """The server failed."""

    def __init__(self) -> None:
        super().__init__("the server failed to do this; its log says where, under the id of the request")


class InvalidRequestError(ApiError):
    """What is asked for can't be had, or is no request at all."""

    status_code, type, code = 400, "invalid_request_error", "invalid_value"


class InvalidApiKeyError(ApiError):
    """No key, or none that is valid."""

    status_code, type, code = 401, "invalid_request_error", "invalid_api_key"


class NotFoundError(ApiError):
    """There is no such route."""

    status_code, type, code = 404, "invalid_request_error", "not_found"


class ModelNotFoundError(ApiError):
    """There is no such model."""

    status_code, type, code = 404, "invalid_request_error", "model_not_found"


class UnknownHostError(ApiError):
    """The server is not known by this name."""

    status_code, type, code = 421, "invalid_request_error", "unknown_host"


class MethodNotAllowedError(ApiError):
    """The route is there, but not for this method."""

    status_code, type, code = 405, "invalid_request_error", "method_not_allowed"


class RequestTimeoutError(ApiError):
    """The client took too long to send its request."""

    status_code, type, code = 408, "invalid_request_error", "request_timeout"


class BodyTooLargeError(ApiError):
    """The body is too large."""

    status_code, type, code = 413, "invalid_request_error", "request_too_large"


class NoPromptFoundError(ApiError):
    """The student has nothing to give for this request."""

    status_code, type, code = 422, "invalid_request_error", "no_prompt"


class RateLimitError(ApiError):
    """This client sends too many requests."""

    status_code, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class ClientDisconnectedError(ApiError):
    """The client has gone; nobody reads this answer."""

    status_code, type, code = 499, "client_closed_request", "client_closed_request"


class OverloadedError(ApiError):
    """All clients together send too many requests, or the server is about to end."""

    status_code, type, code = 503, "server_error", "overloaded"


class DeadlineExceededError(ApiError):
    """The request could not be done in time."""

    status_code, type, code = 504, "server_error", "timeout"


_BY_STATUS: dict[int, type[ApiError]] = {
    kind.status_code: kind for kind in (NotFoundError, MethodNotAllowedError, BodyTooLargeError)
}
"""What Starlette's own `HTTPException` becomes."""


class ErrorDetails(BaseModel):
    """What went wrong, as OpenAI's API says it."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """An error."""

    error: ErrorDetails


def error_responses(*kinds: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """Return these errors as the `responses` of a route, for the OpenAPI."""
    return {kind.status_code: {"model": ErrorAnswer, "description": kind.__doc__} for kind in kinds}


def to_api_error(error: Exception) -> ApiError:
    """Return the error that a client gets for any exception; its message is kept only if the client caused it."""
    match error:
        case ApiError():
            api_error = error
        case UsageError():
            api_error = InvalidRequestError(str(error), error.field)
        case NoPromptError():
            api_error = NoPromptFoundError(f"{error}; ask for less, or take another seed")
        case RequestValidationError():
            api_error = _validation_error(error.errors())
        case HTTPException():
            kind = _BY_STATUS.get(error.status_code, InvalidRequestError)
            api_error = kind(str(error.detail), headers=error.headers)
        case _:
            api_error = InternalError()
    return api_error


def to_response(error: ApiError) -> Response:
    """Return the response for an error. It is ASCII, because the message may quote a text that can't be encoded."""
    return Response(json.dumps(error.to_dict()), error.status_code, error.headers, "application/json")


def add_error_handlers(app: FastAPI) -> None:
    """Add handlers for errors that clients cause; all others go on to `RequestLoggingMiddleware`."""

    async def handle(_: HttpRequest, error: Exception) -> Response:
        return to_response(to_api_error(error))

    for kind in (PromptletError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def _validation_error(errors: Sequence[Mapping[str, Any]]) -> ApiError:
    """Return the error for a body or query that is not as the OpenAPI says; `errors` are pydantic's."""
    # A value that fits no type of a union has an error for each; one beside "wrong type" says most.
    details = min(errors, key=lambda each: each["type"].endswith("_type"))
    where, *path = (str(part) for part in details["loc"])
    if details["type"] == "json_invalid":
        return InvalidRequestError(f"the body is no JSON: {details.get('ctx', {}).get('error', details['msg'])}")
    names = _names(path)
    if where == "body" and not names and details["type"].endswith("_type"):
        return InvalidRequestError("the body is no JSON object, or is not sent as Content-Type: application/json")
    param = ".".join(names)[:120] or None
    if details["type"] in ("missing", "extra_forbidden"):
        return InvalidRequestError(f"{param or where}: {reason(details)}"[:500], param)
    same = (each for each in errors if each["type"].endswith("_type") and _names(map(str, each["loc"][1:])) == names)
    reasons = dict.fromkeys(map(reason, (details, *same) if details["type"].endswith("_type") else (details,)))
    value = shown(details["input"], json.dumps)
    return InvalidRequestError(f"{param or where} is {value}: {', or '.join(reasons)}"[:500], param)


def _names(path: Iterable[str]) -> list[str]:
    """Return the names in a path of pydantic's, which also has tags of unions that no client knows: `list[str]`."""
    return [part for part in path if part.isidentifier() or part.isdigit()]
