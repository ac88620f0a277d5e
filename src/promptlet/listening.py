"""Where a server listens, and who reaches it there."""

from __future__ import annotations

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
        raise UsageError(f"nothing can listen at {host}, port {port}: {error}") from error


def address(host: str, listening: socket.socket) -> str:
    """Return the root of what is served there, for a browser."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}/"


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
