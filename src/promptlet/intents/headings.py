"""Texts whose capitals tell nothing: "FOX IN THE SNOW", "Red Fox In Deep Snow"."""

from __future__ import annotations

import re

_QUOTED = re.compile('["\u201c\u201d][^"\u201c\u201d]*["\u201c\u201d]')
_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_SMALL = frozenset("a an the and or of in on at to from with without by for".split())
"""Words that names and titles have in small letters."""


def is_loud(text: str) -> bool:
    """Return whether a text of at least two words has capitals only, but for what it quotes; or one long word has."""
    words = _words(text)
    return bool(words) and all(map(str.isupper, words)) and (len(words) > 1 or len(words[0]) > 2)


def is_heading(text: str) -> bool:
    """Return whether a text is loud, or each of its words but small ones begins with a capital, and there are two."""
    words = [word for word in _words(text) if word not in _SMALL]
    return is_loud(text) or (len(words) > 1 and all(word[0].isupper() for word in words))


def small_words_are_capital(text: str) -> bool:
    """Return whether words such as "in" begin with a capital within a text, and the others do as well."""
    return is_heading(text) and any(word[0].isupper() and word.lower() in _SMALL for word in _words(text)[1:])


def _words(text: str) -> list[str]:
    return _WORD.findall(_QUOTED.sub(" ", text))
