"""Serving a review until it is interrupted."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn

from promptlet.errors import UsageError
from promptlet.review.app import make_app
from promptlet.review.store import Store


def serve(store: Store, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve the page at a host and port (0 is any that is free), once it listens `tell` its address.

    Raises:
        UsageError: if it can't listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise UsageError(f"nothing can listen at {host}, port {port}: {error}") from error
    with listening:
        shown = f"[{host}]" if ":" in host else host
        tell(f"http://{shown}:{listening.getsockname()[1]}/")
        config = uvicorn.Config(make_app(store), log_level="warning", access_log=False)
        # uvicorn ends well on Ctrl-C and raises it again.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
