"""Running the server until it is asked to end."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from promptlet.errors import UsageError
from promptlet.generation import Generator
from promptlet.serve.app import make_app
from promptlet.serve.settings import Settings


def serve(generator: Generator, settings: Settings, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve a student at a host and port (0 is any that is free); once it listens `tell` its address.

    Raises:
        UsageError: if it can't listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise UsageError(f"nothing can listen at {host}, port {port}: {error}") from error
    with listening:
        shown = f"[{host}]" if ":" in host else host
        tell(f"http://{shown}:{listening.getsockname()[1]}/")
        config = uvicorn.Config(make_app(generator, settings), log_level="warning", access_log=False, http="h11")
        uvicorn.Server(config).run(sockets=[listening])
