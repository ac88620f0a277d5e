"""Words and their stems: how two texts are found to speak of the same thing whatever its number or tense.

Snowball's English rules (library snowballstemmer, BSD) bring forms of a word together, and at times strangers: "animal"
and "anime", "position" and "positive" share a stem. Words are alike only if plain endings lead to the same word, too.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

_WORD = re.compile(r"[\w']+")
_REMEMBERED = 1 << 17
_SHORTEST_FORM = 3
_ENDINGS: tuple[tuple[str, str], ...] = (
    ("'s", ""),
    ("s'", "s"),
    ("s", ""),
    ("es", ""),
    ("ies", "y"),
    ("ed", ""),
    ("ed", "e"),
    ("ied", "y"),
    ("ing", ""),
    ("ing", "e"),
    ("ly", ""),
    ("ily", "y"),
    ("ness", ""),
    ("iness", "y"),
    ("ful", ""),
    ("iful", "y"),
    ("ous", ""),
    ("ious", "y"),
    ("ment", ""),
    ("able", ""),
    ("able", "e"),
    ("ation", "ate"),
    ("ation", "e"),
    ("ation", ""),
    ("ative", "ate"),
    ("ative", ""),
    ("ator", "ate"),
    ("ction", "ct"),
    ("ctive", "ct"),
    ("ssion", "ss"),
    ("ssive", "ss"),
    ("ption", "pt"),
    ("ance", "ant"),
    ("ancy", "ant"),
    ("ence", "ent"),
    ("ency", "ent"),
    ("ivity", "ive"),
    ("ality", "al"),
    ("icity", "ic"),
    ("ility", "le"),
    ("ity", "e"),
    ("bly", "ble"),
    ("ic", ""),
    ("ical", "ic"),
    ("ological", "ology"),
    ("ologist", "ology"),
    ("onal", "on"),
    ("ural", "ure"),
    ("val", "ve"),
    ("wal", "w"),
    ("osal", "ose"),
)
"""What may stand at the end of a word without making it another one, and what stands there before."""
_PLURALS = 5
"""The first of them are plurals and possessives."""
_STRANGERS = frozenset(
    (
        "apartment department university nativity formation foundation plantation organization information "
        "personal rational objection attraction celebrity integrity commodity minority majority compassion organic "
        "ironic concentric"
    ).split()
)
"""Words that only look derived: their last ending but a plural's belongs to them."""


def terms(text: str) -> list[str]:
    """Return the words of a text in lower case, without marks; 'well-lit' is two."""
    return _WORD.findall(text.casefold())


@lru_cache(_REMEMBERED)
def stem(word: str) -> str:
    """Return the word's stem; words of different stems are never alike."""
    stemmed: str = _stemmer().stemWord(word)
    return stemmed


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of all words of a text."""
    return tuple(map(stem, terms(text)))


def alike(one: str, other: str) -> bool:
    """Return whether two words are forms of one: "balloons" and "balloon", not "organic" and "organ"."""
    return one == other or (stem(one) == stem(other) and not _forms(one).isdisjoint(_forms(other)))


def same_noun(one: str, other: str) -> bool:
    """Return whether two words differ in number alone: "tires" and "tire", not "tired"."""
    return one == other or (alike(one, other) and not _singulars(one).isdisjoint(_singulars(other)))


def _singulars(word: str) -> set[str]:
    found = {word}
    for ending, before in _ENDINGS[:_PLURALS]:
        if word.endswith(ending):
            found.add(word[: -len(ending)] + before)
    return found


@lru_cache(_REMEMBERED)
def _forms(word: str) -> frozenset[str]:
    """Return the word and what is left of it as endings go, one after the other."""
    found, new = {word}, [word]
    while new:
        longer = new.pop()
        if longer in _STRANGERS:
            continue
        for ending, before in _ENDINGS:
            if not longer.endswith(ending):
                continue
            shorter = longer[: -len(ending)] + before
            bare = [shorter]
            if not before and shorter[-1:] == shorter[-2:-1]:  # "planned", "plan"
                bare.append(shorter[:-1])
            for each in bare:
                if len(each) >= _SHORTEST_FORM and each not in found:
                    found.add(each)
                    new.append(each)
    return frozenset(found)


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")
