"""Around every request: its id, a line in the log, metrics, security headers, and an answer where the server failed.

The log and the metrics name routes, never paths or texts that a client wrote. A fault is logged without its message,
which may quote a request; the client gets the request's id, under which the log has where it happened.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
import traceback
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptlet.http_security import SECURITY_HEADERS, content_security_policy
from promptlet.serve.errors import to_api_error, to_response
from promptlet.serve.metrics import Metrics

LOG = logging.getLogger("promptlet.serve")
REQUEST_ID_HEADER = "X-Request-Id"
STREAM_STATUS = "stream_status"
"""Key of a request's state: the status of the error that ended its stream, after 200 was sent."""
_PAGE_POLICY = content_security_policy(img_src="'self' data:", font_src="'self'")
_HEADERS = SECURITY_HEADERS | {"Content-Security-Policy": _PAGE_POLICY}
_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestLoggingMiddleware:
    """The outermost middleware; `paths` are those of the routes."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Collection[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        headers = Headers(scope=scope)
        client_id = headers.get(REQUEST_ID_HEADER, "")
        request_id = client_id if _CLIENT_ID.fullmatch(client_id) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        unread = _has_body(headers)

        async def receive_body() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message.get("more_body", False)
            return message

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), request_id, unread)
            await send(message)

        try:
            await self._app(scope, receive_body, send_with_headers)
        except Exception as error:  # noqa: BLE001 (one request fails, the server goes on)
            log_fault(request_id, error)
            if status == 0:
                await to_response(to_api_error(error))(scope, receive_body, send_with_headers)
        finally:
            status = scope["state"].get(STREAM_STATUS, status)
            seconds, route, method = time.monotonic() - began, _route(scope, self._paths), _method(scope)
            self._metrics.requests.labels(route, method, status).inc()
            self._metrics.request_seconds.labels(route).observe(seconds)
            key = scope["state"].get("key", "-")
            LOG.info("id=%s %s %s status=%s ms=%.1f key=%s", request_id, method, route, status, seconds * 1000, key)


def log_fault(request_id: str, error: Exception) -> None:
    """Log where a request failed, but not the error's message, which may quote the request."""
    LOG.error("id=%s %s\n%s", request_id, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""


def _add_headers(headers: MutableHeaders, request_id: str, unread: bool) -> None:
    headers[REQUEST_ID_HEADER] = request_id
    if unread:  # otherwise the server would have to read the rest of the body, for as long as the client sends one
        headers["Connection"] = "close"
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")


def _route(scope: Scope, paths: Collection[str]) -> str:
    """Return the route's pattern, or "page" or "none", so that metrics have a bounded number of labels."""
    route = scope.get("route")
    if route is None:
        refused = scope["path"] if scope["path"] in paths else "none"  # by a middleware, before it was routed
        return "page" if "endpoint" in scope else refused
    return "page" if isinstance(route, Mount) else str(route.path)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
