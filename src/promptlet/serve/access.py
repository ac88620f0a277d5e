"""Access control, before a route sees a request: host, API key, rate, size of the body and time to send it.

Every path needs a key except health and the files of the page, which are the same for everyone and hold no data. So a
route that is added later needs one too.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptlet.errors import UsageError
from promptlet.http_security import bearer_token
from promptlet.serve.errors import (
    ApiError,
    BodyTooLargeError,
    InvalidApiKeyError,
    InvalidRequestError,
    RateLimitError,
    RequestTimeoutError,
    UnknownHostError,
    to_response,
)
from promptlet.serve.request_logging import LOG
from promptlet.serve.settings import Settings

_PORT = re.compile(r":[0-9]*$")
HEALTH_PATHS = ("/healthz", "/readyz")


class AccessMiddleware:
    """Refuses requests that may not come in; the bodies of all others are read before their route begins."""

    def __init__(self, app: ASGIApp, settings: Settings, open_paths: Collection[str]) -> None:
        self._app, self._settings = app, settings
        self._open_paths = frozenset({*HEALTH_PATHS, *open_paths})
        self._rate = check_rate(settings.rate) if settings.rate else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            if scope["path"] not in self._open_paths:
                key_name = self._check_key(headers)
                scope["state"]["key"] = key_name or "-"
                if scope["method"] == "POST":  # only these use the engine; lookups cost next to nothing
                    address = (scope.get("client") or ("",))[0]
                    await self._check_rate(key_name or address)
            if scope["method"] in {"POST", "PUT", "PATCH"}:
                body = await self._read_body(headers, receive)
                if self._settings.log_text:
                    LOG.info("id=%s body=%r", scope["state"]["request_id"], body)
                receive = _replay(body, receive)
        except ApiError as error:
            await to_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        """Refuse host names that are not the server's: another site may have pointed its own here (DNS rebinding)."""
        host = _PORT.sub("", headers.get("host", ""))
        if self._settings.hosts and host.casefold() not in self._settings.hosts:
            raise UnknownHostError("the server is not known by this name")

    def _check_key(self, headers: Headers) -> str | None:
        """Return the name of the key, or None if the server has no keys."""
        keys = self._settings.keys
        if not keys:
            return None
        key = bearer_token(headers.get("authorization", ""))
        name = None if key is None else keys.name(key)
        if name is None:
            message = "a valid API key is needed, as in 'Authorization: Bearer KEY'"
            raise InvalidApiKeyError(message, headers={"WWW-Authenticate": "Bearer"})
        return name

    async def _check_rate(self, client: str) -> None:
        if self._rate and not await self._limiter.hit(self._rate, client):
            reset, _ = await self._limiter.get_window_stats(self._rate, client)
            message = f"more than {self._settings.rate} requests; slow down"
            raise RateLimitError(message, retry_after=reset - time.time())

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes:
        """Return the body, unless it is too large or comes too slowly."""
        limit = self._settings.limits.body
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced[:20]) > limit:
            raise BodyTooLargeError(f"the body has {announced[:20]} bytes; {limit} are allowed")
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.read_timeout):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise InvalidRequestError("the client left before it had sent its request")
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > limit:
                        raise BodyTooLargeError(f"the body has more than {limit} bytes")
        except TimeoutError as error:
            raise RequestTimeoutError(
                f"the request was not sent within {self._settings.read_timeout:g} seconds"
            ) from error
        return bytes(body)


def check_rate(rate: str) -> RateLimitItem:
    """Return the limit that a text such as ``120/minute`` stands for.

    Raises:
        UsageError: if it stands for none.
    """
    refusal = UsageError(f"rate is '{rate}'; one such as 120/minute or 5/second is allowed")
    try:
        limits = parse_many(rate)
    except ValueError as error:
        raise refusal from error
    if len(limits) > 1 or limits[0].amount < 1:
        raise refusal
    return limits[0]


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was read already, and after it what else comes (a disconnect)."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
