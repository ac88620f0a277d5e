"""Server-sent events, in which both APIs stream."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request as HttpRequest

from promptlet.errors import PromptletError
from promptlet.serve.errors import ApiError, to_api_error
from promptlet.serve.request_logging import STREAM_STATUS

SSE_MEDIA_TYPE = "text/event-stream"
SSE_CONTENT: dict[str, Any] = {
    SSE_MEDIA_TYPE: {
        "schema": {
            "type": "object",
            "description": "One event; its data is JSON.",
            "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
            "required": ["data"],
        }
    }
}
"""The `content` of a streamed response in the OpenAPI."""


def sse_event(data: Any, name: str | None = None) -> str:
    """Return an event as it is sent."""
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def stream_error(http: HttpRequest, error: PromptletError) -> ApiError:
    """Return the error that ends a stream; its status, too late to be sent, is still logged and counted."""
    api_error = to_api_error(error)
    http.scope["state"][STREAM_STATUS] = api_error.status_code
    return api_error
