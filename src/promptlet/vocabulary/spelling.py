"""British spellings: who was taught "cozy" and "harbor" is asked for those, and the text reads as it was wished."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from promptlet.stemming import capitalized

_RULES = tuple(
    (re.compile(pattern), american)
    for pattern, american in (
        (r"our", "or"),  # harbour, flavoured, favourite
        (r"re(s?)$", r"er\1"),  # centre
        (r"(?<=[a-z]{2})is(?=e|ing|ation)", "iz"),  # organised
        (r"ys(?=e|ing)", "yz"),  # paralysed
        (r"ll(?=e|i|o)", "l"),  # woollen, travelling, marvellous
        (r"l(?=ful|ment)", "ll"),  # skilful
        (r"ence(s?)$", r"ense\1"),  # defence
        (r"oul(?=d)", "ol"),  # mould
        (r"ae(?=[a-z]{2})", "e"),  # mediaeval
        (r"ogue(s?)$", r"og\1"),  # catalogue
    )
)
_OTHERS = {
    "aeroplane": "airplane",
    "aluminium": "aluminum",
    "chequered": "checkered",
    "cosi": "cozi",  # cosier
    "cosy": "cozy",
    "doughnut": "donut",
    "draught": "draft",
    "grey": "gray",
    "jewellery": "jewelry",
    "kerb": "curb",
    "moustache": "mustache",
    "mum": "mom",
    "plough": "plow",
    "pyjama": "pajama",
    "storey": "story",
    "sulphur": "sulfur",
    "tyre": "tire",
    "yoghurt": "yogurt",
}
"""What no rule says, by how words begin."""
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Spelling:
    """Words of a wish that somebody knows in American spelling only."""

    american: Mapping[str, str]
    """That spelling, by the wish's own; both in small letters."""

    @classmethod
    def of(cls, texts: Iterable[str], knows: Callable[[str], bool]) -> Self:
        """Return what `knows` says of the words of some texts."""
        words = {match.lower() for text in texts for match in _WORD.findall(text)}
        found = {word: next(filter(knows, _american(word)), None) for word in sorted(words) if not knows(word)}
        return cls({word: american for word, american in found.items() if american})

    def sparing(self, texts: Iterable[str]) -> Self:
        """Return this without what would change words of some texts, which are to stay as they are."""
        kept = {match.lower() for text in texts for match in _WORD.findall(text)}
        spared = {own: other for own, other in self.american.items() if kept.isdisjoint((other, f"{other}s"))}
        return type(self)(spared)

    def asked(self, text: str) -> str:
        """Return a text of the wish in the American spelling."""
        return _replaced(text, self.american)

    def wished(self, text: str) -> str:
        """Return what was written of it in the wish's own spelling, plurals too."""
        back = {american: own for own, american in self.american.items()}
        return _replaced(text, {f"{american}s": f"{own}s" for american, own in back.items()} | back)


def _replaced(text: str, words: Mapping[str, str]) -> str:
    if not words:
        return text
    return _WORD.sub(lambda match: _in_case(words.get(match[0].lower(), match[0]), match[0]), text)


def _in_case(word: str, model: str) -> str:
    """Return a word in capitals, or with one, as another is."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return capitalized(word) if model[0].isupper() else word


def _american(word: str) -> Iterator[str]:
    """Yield what a word in small letters may be in American spelling; not all of it need be a word."""
    for british, other in _OTHERS.items():
        if word.startswith(british):
            yield other + word.removeprefix(british)
    for pattern, replacement in _RULES:
        found = pattern.sub(replacement, word)
        if found != word:
            yield found
