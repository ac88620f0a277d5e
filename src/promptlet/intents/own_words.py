"""A wish as its writer linked its parts: a cat is asleep *on* a windowsill, which typed intents do not tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from promptlet.intents.phrasing import LINKS

_LINK = re.compile(rf",? (?:(?:{'|'.join(sorted(LINKS))}) )*", re.IGNORECASE)


def in_own_words(text: str, values: Sequence[str], instead: Sequence[str]) -> str:
    """Return what a text says from the first to the last of some values, or "" if more than links stands between them.

    Args:
        text: free words, as they were written.
        values: those of the intents that were read in it.
        instead: for each value, what is to stand in its place: the same in the student's case and spelling.
    """
    places = []
    for value, other in zip(values, instead, strict=True):
        found = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)
        if not found:
            return ""
        places.append((*found.span(), other))
    places.sort()
    phrase, end = "", None
    for start, after, other in places:
        link = "" if end is None else text[end:start].lower() if start > end else "-"
        if link and not _LINK.fullmatch(link):
            return ""
        phrase, end = phrase + link + other, after
    return phrase
