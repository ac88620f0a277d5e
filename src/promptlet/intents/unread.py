"""What of a wish in free words came to nothing: its reader shall be told, for it may have been meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from promptlet.intents.phrasing import FILLERS, NOT, STYLED, in_fewer_words, without_request
from promptlet.intents.reading import OBVIOUS, SAYING
from promptlet.intents.unwanted import NEGATED
from promptlet.stemming import terms
from promptlet.types import KIND_ALIASES, KINDS

_MARKS = re.compile(r"[,.;:!?()\"\u201c\u201d]+(?=\s|$)|(?<!\S)[(\"\u201c\u201d]+")
_KIND = re.compile(
    rf"(?:^|(?<=[,;|.]))\s*(?:{'|'.join((*KINDS, *KIND_ALIASES))}|negative(?: prompts?)?)\s*:", re.IGNORECASE
)
"""Before a typed intent, or what shall not be there."""
_SILENT = FILLERS.union(NEGATED, NOT, SAYING, OBVIOUS, terms(STYLED), "or nor but than".split())
"""Words that need not be told by themselves: they hold others together, or said how these are meant."""


def unread(text: str, taken: Iterable[str]) -> tuple[str, ...]:
    """Return the parts of a text of which nothing was taken, each once: "15 words", "8k".

    Args:
        text: free words, as they were written.
        taken: what was made of it: values of intents, and terms that are kept or banned.
    """
    placed = frozenset(term for each in taken for term in terms(each))
    parts = _MARKS.split(_KIND.sub("", in_fewer_words(without_request(text))))
    return tuple(dict.fromkeys(run for part in parts for run in _runs(part, placed)))


def _terms(word: str) -> list[str]:
    return terms(word.strip("'\u2018\u2019"))


def _runs(part: str, placed: frozenset[str]) -> Iterator[str]:
    """Yield the words that stand together and have no place, without the silent ones around them."""
    for has_place, group in groupby(part.split(), lambda word: not placed.isdisjoint(_terms(word))):
        words = list(group)
        telling = [index for index, word in enumerate(words) if not _SILENT.issuperset(_terms(word))]
        if telling and not has_place:
            yield " ".join(words[telling[0] : telling[-1] + 1])
