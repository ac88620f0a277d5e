"""Which words are English at all: the dictionary of pyspellchecker (MIT), and compounds of its words."""

from __future__ import annotations

from functools import cache, lru_cache

from promptlet.stemming import without_accents

_SHORTEST_JUDGED, _SHORTEST_PART = 3, 4
"""Letters of a word that must be in the dictionary, and of each part of a compound ("beachside")."""


@lru_cache(maxsize=1 << 17)
def in_dictionary(word: str) -> bool:
    """Return whether a word in lower case is in the dictionary, is very short, or has two parts that are in it."""
    dictionary = dictionary_words()
    if len(word) < _SHORTEST_JUDGED or word in dictionary:
        return True
    cuts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
    return any(word[:cut] in dictionary and word[cut:] in dictionary for cut in cuts)


@cache
def dictionary_words() -> frozenset[str]:
    """Return all words of the dictionary, in lower case and without accents, as `terms` gives them."""
    from spellchecker import SpellChecker

    return frozenset(map(without_accents, SpellChecker(language="en").word_frequency.words()))
