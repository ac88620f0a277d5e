"""The vocabulary policy: which words may not occur (paper, section 3.3.2)."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources


@cache
def denied_terms() -> tuple[str, ...]:
    """Return the denied words and phrases, in lower case."""
    text = (resources.files(__name__) / "denied.txt").read_text(encoding="utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def find_denied(text: str) -> str | None:
    """Return the first denied term that stands in `text` as whole words, or None.

    Whole words: "cockatoo" and "grape" hold no denied word.
    """
    match = _pattern().search(text.casefold())
    return match[0] if match else None


@cache
def _pattern() -> re.Pattern[str]:
    terms = sorted(denied_terms(), key=len, reverse=True)
    spaced = (r"[\s\-]+".join(map(re.escape, term.split())) for term in terms)
    return re.compile(rf"(?<!\w)(?:{'|'.join(spaced)})s?(?!\w)")
