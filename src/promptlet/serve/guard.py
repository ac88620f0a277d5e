"""Who may come in, how often, and with how much: decided before a route sees the request.

Everything is closed but health and the files of the page, which are the same for everyone and hold nothing: a route
that is added later is closed too.
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
from promptlet.serve.settings import Settings
from promptlet.serve.watch import LOG

_PORT = re.compile(r":[0-9]*$")
HEALTH = ("/healthz", "/readyz")


class Guard:
    """Lets requests in, with their bodies read."""

    def __init__(self, app: ASGIApp, settings: Settings, open_paths: Collection[str]) -> None:
        self._app, self._settings, self._open = app, settings, frozenset({*HEALTH, *open_paths})
        self._rate = check_rate(settings.rate) if settings.rate else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            if scope["path"] not in self._open:
                who = self._check_key(headers)
                scope["state"]["key"] = who or "-"
                if scope["method"] == "POST":  # what writes; looking something up takes next to nothing
                    await self._check_rate(who or (scope.get("client") or ("",))[0])
            if scope["method"] in {"POST", "PUT", "PATCH"}:
                body = await self._body(headers, receive)
                if self._settings.log_text:
                    LOG.info("id=%s body=%r", scope["state"]["id"], body)
                receive = _replayed(body, receive)
        except ApiError as error:
            await to_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        """Refuse names that are not the server's: another site's page could have led its own name here."""
        host = _PORT.sub("", headers.get("host", ""))
        if self._settings.hosts and host.casefold() not in self._settings.hosts:
            raise UnknownHostError("the server is not known by this name")

    def _check_key(self, headers: Headers) -> str | None:
        keys = self._settings.keys
        if not keys:
            return None
        key = bearer_token(headers.get("authorization", ""))
        name = None if key is None else keys.name(key)
        if name is None:
            message = "a valid API key is needed, as in 'Authorization: Bearer KEY'"
            raise InvalidApiKeyError(message, headers={"WWW-Authenticate": "Bearer"})
        return name

    async def _check_rate(self, who: str) -> None:
        if self._rate and not await self._limiter.hit(self._rate, who):
            reset, _ = await self._limiter.get_window_stats(self._rate, who)
            raise RateLimitError(
                f"more than {self._settings.rate} requests; slow down", retry_after=reset - time.time()
            )

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """Return the body, which must be small and come soon."""
        limit = self._settings.limits.body
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced[:20]) > limit:
            raise BodyTooLargeError(f"the body has {announced[:20]} bytes; {limit} are allowed")
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.patience):
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
            raise RequestTimeoutError(f"the request was not sent within {self._settings.patience:g} seconds") from error
        return bytes(body)


def check_rate(rate: str) -> RateLimitItem:
    """Return the limit that a text such as ``120/minute`` names.

    Raises:
        UsageError: if it names none.
    """
    refusal = UsageError(f"rate is '{rate}'; one such as 120/minute or 5/second is allowed")
    try:
        limits = parse_many(rate)
    except ValueError as error:
        raise refusal from error
    if len(limits) > 1 or limits[0].amount < 1:
        raise refusal
    return limits[0]


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body that was read, and then what else comes: that the client has gone."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
