"""What both HTTP servers (`serve`, `review`) do for safety: headers for browsers, bearer tokens, comparing secrets.

Only the standard library is needed, so that a review's file can be read where no web framework is installed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

SECURITY_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""For every response, beside a `Content-Security-Policy`."""
_DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'none'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def content_security_policy(**directives: str) -> str:
    """Return a policy by which a page loads scripts, styles and images of its own server and nothing else.

    Args:
        directives: those that differ, with ``_`` for ``-``, as in ``font_src="'self'"``.
    """
    changed = {name.replace("_", "-"): sources for name, sources in directives.items()}
    return "; ".join(f"{name} {sources}" for name, sources in (_DIRECTIVES | changed).items())


def bearer_token(authorization: str) -> str | None:
    """Return the token of an `Authorization` header, or None if it holds none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def secret_digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret, which is what is stored of it.

    Secrets are random and long, so a plain digest is enough; a slow one would only keep the server busy.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def find_digest(secret: str, digests: Iterable[bytes]) -> bytes | None:
    """Return the one of these digests that is the secret's, or None. It takes the same time whichever one that is."""
    digest, found = secret_digest(secret), None
    for each in digests:  # all of them, also after a match
        if hmac.compare_digest(each, digest):
            found = each
    return found
