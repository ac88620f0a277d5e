"""What went wrong at an endpoint, in one line (package `openai`, the client of all of them)."""

from __future__ import annotations

_LONGEST = 200


def reason(error: Exception) -> str:
    """Return why in one line: what the endpoint said, or what went wrong on the way to it."""
    import openai

    lost = isinstance(error, openai.APIConnectionError)
    return " ".join(str((error.__cause__ if lost else None) or error).split())[:_LONGEST]
