"""Listening at a host and port, the URL of it, and whether other machines reach it."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

from promptlet.errors import UsageError


def listen(host: str, port: int, backlog: int | None = None) -> socket.socket:
    """Return a socket that listens at a host and port (0 is any that is free).

    Raises:
        UsageError: if nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=backlog)
    except (OSError, OverflowError) as error:
        raise UsageError(f"nothing can listen at {host}, port {port}: {_why(error)}") from error


def _why(error: OSError | OverflowError) -> str:
    # asyncio's and Python's own texts repeat the address, as a tuple.
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "the port is in use; --port names another one, 0 any that is free"
    return str(getattr(error, "strerror", None) or error)


def root_url(host: str, listening: socket.socket) -> str:
    """Return the root URL of a server at this host that listens on this socket."""
    url_host = f"[{host}]" if ":" in host else host
    return f"http://{url_host}:{listening.getsockname()[1]}/"


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
