"""Endpoints, in one line: where one is, and what went wrong there (package `openai`, the client of all of them)."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

_LONGEST = 200


def address(url: str) -> str:
    """Return where an endpoint is, without the credentials that its URL may hold.

    Raises:
        ValueError: for what is no URL of a server.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("an address such as http://127.0.0.1:8000/v1 is allowed")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def reason(error: Exception) -> str:
    """Return why in one line: what the endpoint said, or what went wrong on the way to it."""
    import openai

    lost = isinstance(error, openai.APIConnectionError)
    return " ".join(str((error.__cause__ if lost else None) or error).split())[:_LONGEST]
