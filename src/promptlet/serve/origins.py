"""Other sites whose pages may use the API (CORS), named as browsers name them."""

from __future__ import annotations

import re

from promptlet.errors import UsageError

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_ALL = "*"


def check_origin(origin: str, closed: bool) -> str:
    """Return an origin as browsers send it, in lower case.

    Args:
        origin: ``scheme://host`` or ``scheme://host:port``; or ``*`` for all sites.
        closed: whether the server needs keys. Without them ``*`` would let any page that its user opens use it.

    Raises:
        UsageError: for anything else; browsers never send it, so it would allow no site.
    """
    if origin == _ALL and not closed:
        raise UsageError("origin is '*', which needs API keys; without them sites are named, as https://example.org")
    if origin != _ALL and not _ORIGIN.fullmatch(origin.casefold()):
        raise UsageError(
            f"origin is '{origin}'; https://example.org or http://localhost:3000, without a path, is allowed"
        )
    return origin.casefold()
