"""Endpoints, in one line: where one is, and what went wrong there (package `openai`, the client of all of them)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from promptlet.errors import one_line

_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@|\?[^#]*")
"""A user's name and password before the host, and what stands behind a question mark."""


def without_credentials(text: str) -> str:
    """Return a text that may be an address, or name one, without the credentials that this may hold."""
    return _CREDENTIALS.sub("", text) if "://" in text else text


def address(url: str) -> str:
    """Return where an endpoint is, without the credentials that its URL may hold.

    Raises:
        ValueError: for what is no URL of a server.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("an address such as http://127.0.0.1:8000/v1 is allowed")
    return without_credentials(url).partition("#")[0]


def reason(error: Exception) -> str:
    """Return why in one line: what the endpoint said, or what went wrong on the way to it."""
    import openai

    lost = isinstance(error, openai.APIConnectionError)
    return one_line((error.__cause__ if lost else None) or error)
