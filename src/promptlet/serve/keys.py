"""API keys: read from a file and the environment, kept as their SHA-256 alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from promptlet.errors import UsageError, unread
from promptlet.http_security import find_digest, secret_digest

VARIABLE = "PROMPTLET_API_KEYS"
"""The environment variable that holds keys, separated by spaces or commas."""
_PREFIX = "sha256:"
_DIGITS = re.compile(r"[0-9a-fA-F]{64}")
_KEY = re.compile(r"[!-~]{16,200}")


@dataclass(frozen=True)
class Keys:
    """The keys that a server accepts, as digests."""

    digests: tuple[bytes, ...] = ()

    @classmethod
    def read(cls, path: Path | None, environment: str = "") -> Self:
        """Return the keys of a file, one per line, and of the environment. Lines that begin with # are comments.

        A key is written as it is, or as ``sha256:`` and the 64 hexadecimal digits of its digest, in any case. What
        begins with ``sha256:`` is never taken for a key, so a digest that was copied in part is an error.

        Raises:
            UsageError: if the file can't be read, or for what is no key; the message says where it is, not what.
        """
        given = environment.replace(",", " ").split()
        found = [_read(text, f"{VARIABLE}: key {number}") for number, text in enumerate(given, start=1)]
        if path is not None:
            try:
                lines = path.read_text(encoding="utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"the keys in {path} can't be read: {unread(error)}") from error
            for number, line in enumerate(map(str.strip, lines), start=1):
                if line and not line.startswith("#"):
                    found.append(_read(line, f"{path}: line {number}"))
            if not found:
                raise UsageError(f"{path} holds no key")
        return cls(tuple(dict.fromkeys(found)))

    def __bool__(self) -> bool:
        return bool(self.digests)

    def name(self, offered: str) -> str | None:
        """Return the name that a valid key has in logs and limits, the start of its digest, or None for any other."""
        digest = find_digest(offered, self.digests)
        return None if digest is None else digest.hex()[:8]


def _read(text: str, where: str) -> bytes:
    """Return the digest of a key that is written as itself or as its digest."""
    if text[: len(_PREFIX)].casefold() == _PREFIX:
        digits = text[len(_PREFIX) :]
        if not _DIGITS.fullmatch(digits):
            raise UsageError(f"{where} is no digest; {_PREFIX} and 64 hexadecimal digits are allowed")
        return bytes.fromhex(digits)
    if not _KEY.fullmatch(text):
        raise UsageError(
            f"{where} is no key; 16 to 200 printable characters without space, or sha256:DIGITS, are allowed"
        )
    return secret_digest(text)
