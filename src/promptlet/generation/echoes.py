"""What a text says twice where once would do: "tulips and tulips", "the last of the last", a narrow street and again a
narrow street. It concerns drafts only, of which another is soon drawn; curation has its own, milder check of loops.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from promptlet.intents.phrasing import LINKS
from promptlet.stemming import stem, without_accents

_WORD = re.compile(r"[\w']+")
_MARK = re.compile(r"[,.;:!?]")
_PAIRING = frozenset("by to in on for after against".split())
"""Alone between a word and the same word they make an idiom: "side by side", "hand in hand"."""


def echoes(text: str) -> bool:
    """Return whether a word stands on both sides of mere links, or two words in a row come again as a phrase.

    A phrase that goes on to say of what something is, is none: "yoga studio flyer ... yoga studio hours".
    """
    found: set[tuple[str, str]] = set()
    clauses = _MARK.split(without_accents(text).casefold())
    return any(_doubles(clause) or _comes_again(clause, found) for clause in clauses)


def _doubles(clause: str) -> bool:
    """Return whether a word stands on both sides of mere links; a "pom-pom" is one word."""
    for (place, word), (other_place, other) in pairwise(_content(clause)):
        between = clause[place + len(word) : other_place]
        links = between.replace("-", " ").split()
        idiom = between == "-" or (len(links) == 1 and _PAIRING.issuperset(links))
        if _stem(word) == _stem(other) and not idiom:
            return True
    return False


def _comes_again(clause: str, found: set[tuple[str, str]]) -> bool:
    """Return whether two words in a row were found before; those that were not are added."""
    words = list(_content(clause))
    for index, ((place, word), (other_place, other)) in enumerate(pairwise(words)):
        if clause[place + len(word) : other_place].strip(" -"):
            continue
        pair, end = (_stem(word), _stem(other)), other_place + len(other)
        ahead = words[index + 2][0] if index + 2 < len(words) else None
        modifies = other.endswith("'s") or (ahead is not None and not clause[end:ahead].strip(" -"))
        if pair in found and not modifies:
            return True
        found.add(pair)
    return False


def _content(clause: str) -> Iterator[tuple[int, str]]:
    """Yield the words of a clause that are no links, and where they stand."""
    return ((match.start(), match[0]) for match in _WORD.finditer(clause) if match[0] not in LINKS)


def _stem(word: str) -> str:
    return stem(word.removesuffix("'s"))
