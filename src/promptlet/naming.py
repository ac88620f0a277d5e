"""What the command line calls a system: ``NAME=SYSTEM``, where SYSTEM may be a path or an address with '=' in it."""

from __future__ import annotations

from pathlib import Path

from promptlet.errors import UsageError


def split_name(text: str) -> tuple[str | None, str]:
    """Return the name that a text gives to a system, if it gives one, and the system.

    Names hold no '/', so the '=' in ``runs/a=1/student`` and ``http://host/v1?x=1#model`` names nothing; nor does the
    one in the name of a file or folder that is there.

    Raises:
        UsageError: for a name without letters, or nothing that it names.
    """
    name, equals, system = text.partition("=")
    if not equals or "/" in name or _is_there(text):
        return None, text
    if not name.strip() or not system.strip():
        raise UsageError(f"the system is '{text}'; NAME=SYSTEM is allowed, as in mine=PATH")
    return name.strip(), system


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # no file has so long a name
        return False
