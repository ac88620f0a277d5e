"""Reading JSON lines that others wrote: one object a line, or one line of error about it."""

from __future__ import annotations

import json
from typing import Any

from promptlet.errors import UsageError


def parse_object(line: str | bytes) -> dict[str, Any]:
    """Return the JSON object in a line.

    Raises:
        UsageError: if it holds no JSON, another value than an object, or half a character.
    """
    try:
        value = json.loads(line)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UsageError("a text holds half a character (a lone surrogate)") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {getattr(error, 'msg', error)}") from error
    if not isinstance(value, dict):
        raise UsageError(f"not a JSON object: {str(value)[:60]}")
    return value
