"""Running the server: listening, logging, and a graceful shutdown.

On SIGTERM or Ctrl-C the server is no longer ready and refuses new work. What runs or waits is finished within the grace
period; a second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from promptlet.errors import UsageError
from promptlet.generation import Generator
from promptlet.listening import is_loopback, listen, root_url
from promptlet.serve.app import make_app
from promptlet.serve.request_queue import RequestQueue
from promptlet.serve.settings import Settings

_BACKLOG = 2048
_OPEN_FILES = 2**16
_SEND_SECONDS = 2
"""For sending the last responses, once all work is done or stopped."""


def serve(
    load: Callable[[], Generator], settings: Settings, host: str, port: int, announce: Callable[[str], None]
) -> None:
    """Serve a student at a host and port (0 is any that is free); once it listens, call `announce` with its URL.

    Raises:
        UsageError: if it can't listen there, or everyone could reach it without a key.
    """
    if not is_loopback(host) and not settings.keys:
        raise UsageError(f"others reach {host}: API keys are needed (--keys FILE)")
    listening = listen(host, port, _BACKLOG)
    _allow_many_connections()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("promptlet.serve").setLevel(logging.INFO)
    with listening:
        app = make_app(load(), settings)
        announce(root_url(host, listening))
        with contextlib.suppress(KeyboardInterrupt):
            _Server(app, settings).run(sockets=[listening])


def own_names(host: str) -> tuple[str, ...]:
    """Return the host names by which a server is called that only this machine reaches."""
    return ("localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host.casefold())


class _Server(uvicorn.Server):
    """A uvicorn server that still answers while it waits for work to end."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        protocol = type("Protocol", (_Protocol,), {"read_timeout": settings.read_timeout})
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_SEND_SECONDS,
            )
        )
        self._queue: RequestQueue = app.state.service.queue
        self._grace, self._ends_at = settings.grace, float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's signature)
        # uvicorn would stop listening first, and /readyz could no longer say that the server is not ready.
        if self._queue.closed:
            self._ends_at = 0.0
        else:
            self._queue.closed = True
            self._ends_at = time.monotonic() + self._grace

    async def on_tick(self, counter: int) -> bool:
        if self._queue.closed and (self._queue.idle or time.monotonic() > self._ends_at):
            self._queue.stop()
            return True
        return await super().on_tick(counter)


class _Protocol(H11Protocol):
    """HTTP/1.1 that closes a connection when the head of its next request does not come in time."""

    read_timeout: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def _update_timer(self) -> None:
        """Let the timer run only while the head of a request is awaited."""
        awaited = self.conn.their_state is h11.IDLE
        if awaited and self._timer is None:
            self._timer = self.loop.call_later(self.read_timeout, self.transport.close)
        elif not awaited and self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _allow_many_connections() -> None:
    """Raise the limit of open files, as far as the system allows this process to; Windows has no such limit."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
