"""Around every request: an id, headers that keep browsers safe, a line in the log, measures; and faults end here.

The log and the measures name routes, never paths or texts that a client wrote. A fault is logged without its message,
which may quote a request; the client gets the id, under which the log has where it happened.
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
ID = "X-Request-Id"
FAILED = "failed"
"""Under this name a request's state has the status of the error that ended its stream."""
_PAGE_POLICY = content_security_policy(img_src="'self' data:", font_src="'self'")
_HEADERS = SECURITY_HEADERS | {"Content-Security-Policy": _PAGE_POLICY}
_OWN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Watch:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Collection[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        offered = Headers(scope=scope).get(ID, "")
        number = offered if _OWN_ID.fullmatch(offered) else secrets.token_hex(8)
        scope.setdefault("state", {})["id"] = number
        unread = _has_body(Headers(scope=scope))

        async def read() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message.get("more_body", False)
            return message

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(MutableHeaders(scope=message), number, unread)
            await send(message)

        try:
            await self._app(scope, read, answer)
        except Exception as error:  # noqa: BLE001 (one request fails, the server goes on)
            log_fault(number, error)
            if status == 0:
                await to_response(to_api_error(error))(scope, read, answer)
        finally:
            status = scope["state"].get(FAILED, status)
            seconds, route, method = time.monotonic() - began, _route(scope, self._paths), _method(scope)
            self._metrics.requests.labels(route, method, status).inc()
            self._metrics.request_seconds.labels(route).observe(seconds)
            who = scope["state"].get("key", "-")
            LOG.info("id=%s %s %s status=%s ms=%.1f key=%s", number, method, route, status, seconds * 1000, who)


def log_fault(number: str, error: Exception) -> None:
    """Log where a request failed, but not the message, which may quote it."""
    LOG.error("id=%s %s\n%s", number, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""


def _complete(headers: MutableHeaders, number: str, unread: bool) -> None:
    headers[ID] = number
    if unread:  # else the server would read on, for as long as the client likes, only to find the next request
        headers["Connection"] = "close"
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")


def _route(scope: Scope, known: Collection[str]) -> str:
    """Return the route's pattern, so that there are only so many; `known` are of requests that got no further."""
    route = scope.get("route")
    if route is None:
        refused = scope["path"] if scope["path"] in known else "none"
        return "page" if "endpoint" in scope else refused
    return "page" if isinstance(route, Mount) else str(route.path)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
