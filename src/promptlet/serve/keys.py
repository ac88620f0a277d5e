"""API keys: only their SHA-256 is kept, and comparing takes the same time whichever key is offered.

A key is random and long, so a plain digest is enough; a slow one would only be a way to keep the server busy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from promptlet.errors import UsageError

VARIABLE = "PROMPTLET_API_KEYS"
"""The environment variable that holds keys, separated by spaces or commas."""
_HASHED = re.compile(r"sha256:([0-9a-f]{64})")
_KEY = re.compile(r"[!-~]{16,200}")


@dataclass(frozen=True)
class Keys:
    """The keys that a server accepts, as digests."""

    digests: tuple[bytes, ...] = ()

    @classmethod
    def read(cls, path: Path | None, environment: str = "") -> Self:
        """Return the keys of a file, one per line, and of the environment. Lines that begin with # are comments.

        A key is given as it is, or as ``sha256:`` and the 64 hexadecimal digits of its digest.

        Raises:
            UsageError: if the file can't be read, or for what is no key; the message names its place, not the key.
        """
        found = cls._parse(environment.replace(",", " ").split(), VARIABLE)
        if path is not None:
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"the keys in {path} can't be read: {error}") from error
            found += cls._parse([line.strip() for line in lines if line.strip() and line[0] != "#"], str(path))
            if not found:
                raise UsageError(f"{path} holds no key")
        return cls(tuple(dict.fromkeys(found)))

    @staticmethod
    def _parse(texts: Iterable[str], where: str) -> list[bytes]:
        found = []
        for number, text in enumerate(texts, start=1):
            if hashed := _HASHED.fullmatch(text):
                found.append(bytes.fromhex(hashed[1]))
            elif _KEY.fullmatch(text):
                found.append(_digest(text))
            else:
                raise UsageError(
                    f"{where}: key {number} is neither 16 to 200 printable characters without space nor sha256:DIGITS"
                )
        return found

    def __bool__(self) -> bool:
        return bool(self.digests)

    def name(self, offered: str) -> str | None:
        """Return what a valid key is called in logs and limits (the start of its digest), or None for any other."""
        digest, found = _digest(offered), None
        for each in self.digests:  # all of them, always
            if hmac.compare_digest(each, digest):
                found = each
        return None if found is None else found.hex()[:8]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
