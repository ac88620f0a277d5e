"""Running the server: listening, logging, and an end that loses nothing.

When it is asked to end (SIGTERM, Ctrl-C) it is no longer ready and takes no new work; what runs or waits is finished,
for as long as the grace lasts. A second signal ends it at once.
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
_LAST_SECONDS = 2
"""What is left to send the last answers, once all work is done or stopped."""


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
    """Return the names under which a server that only this machine reaches is known."""
    return ("localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host.casefold())


class _Server(uvicorn.Server):
    """uvicorn, which goes on answering while it waits for the work to end."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        protocol = type("Protocol", (_Protocol,), {"patience": settings.patience})
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_LAST_SECONDS,
            )
        )
        self._queue: RequestQueue = app.state.service.queue
        self._grace, self._ends_at = settings.grace, float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's signature)
        # uvicorn's own way closes the door first: then nobody could ask whether the server is still ready.
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
    """HTTP/1.1 for clients that send a request's head in time, however slowly it begins."""

    patience: float
    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._set_alarm()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._set_alarm()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._alarm is not None:
            self._alarm.cancel()

    def _set_alarm(self) -> None:
        """Let the alarm run exactly while a head is awaited."""
        awaited = self.conn.their_state is h11.IDLE
        if awaited and self._alarm is None:
            self._alarm = self.loop.call_later(self.patience, self.transport.close)
        elif not awaited and self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


def _allow_many_connections() -> None:
    """Allow more open files than shells do, as far as the system lets this process have them; Windows has no limit."""
    if sys.platform == "win32":
        return
    import resource

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))
