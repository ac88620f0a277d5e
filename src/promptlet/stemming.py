"""Words and their stems: how two texts are found to speak of the same thing whatever its number or tense.

Snowball's English rules (library PyStemmer, MIT and BSD), but for the few words that they would throw together with
others of the same stem but another meaning: "anime" and "animal", "festive" and "festival".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence, Set
from functools import cache, lru_cache
from importlib import resources
from threading import Lock
from typing import Any

_TURN = Lock()
"""A stemmer holds the word that it works on, so threads take turns."""
_WORD = re.compile(r"[\w'\u2019\u0300-\u036f]+")
_ACCENTS = re.compile("[\u0300-\u036f]")


def without_accents(text: str) -> str:
    """Return a text without the accents on its letters, and with plain apostrophes: "café" and "cafe" are one word."""
    if text.isascii():
        return text
    text = text.replace("\u2019", "'")
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def as_read(text: str) -> str:
    """Return the text as it is read: usual letters for wide and ornate ones, without marks that nobody sees."""
    if text.isascii():
        return text
    visible = "".join(mark for mark in text if unicodedata.category(mark) != "Cf")
    return unicodedata.normalize("NFKC", visible)


def capitalized(text: str) -> str:
    """Return a text as it begins a sentence: its first letter is a capital, and all else stays."""
    return text[:1].upper() + text[1:]


def terms(text: str) -> list[str]:
    """Return the words of a text in lower case, without marks and accents; 'well-lit' is two."""
    return _WORD.findall(without_accents(text).casefold())


def ngrams(words: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    """Yield all runs of so many words."""
    return zip(*(words[start:] for start in range(size)), strict=False)


@lru_cache(maxsize=1 << 17)
def stem(word: str) -> str:
    """Return the word's stem, so that plurals and participles match."""
    if word in _set_apart():
        return _set_apart()[word]
    with _TURN:
        stemmed: str = _stemmer().stemWord(word)
    return stemmed


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of all words of a text."""
    return tuple(map(stem, terms(text)))


def placed_stems(text: str) -> list[tuple[int, int, str]]:
    """Return start, end and stem of each word of a text."""
    return [(*match.span(), stem(without_accents(match[0]).casefold())) for match in _WORD.finditer(text)]


@lru_cache(maxsize=1 << 16)
def content_stems(name: str) -> frozenset[str]:
    """Return the stems of the words of a name that can leave a trace: those of three letters and more, if any are."""
    said = terms(name)
    return frozenset(stem(word) for word in said if len(word) > 2) or frozenset(map(stem, said))


def share_said(name: str, said: Set[str]) -> float:
    """Return which share of a name's content words is among the stems of a text, from 0 to 1; 0 if it has no word."""
    words = content_stems(name)
    return len(said & words) / len(words) if words else 0.0


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")


@cache
def _set_apart() -> dict[str, str]:
    """Return form -> word of those that are their own stem; ``own_stems.txt`` has a word and its forms in each line."""
    lines = (resources.files(__package__) / "own_stems.txt").read_text(encoding="utf-8").splitlines()
    return {form: forms[0] for forms in map(str.split, lines) for form in forms}
