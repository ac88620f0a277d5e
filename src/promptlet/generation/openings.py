"""How texts open that begin with words which a student is made to write: as it opened texts of its own before.

Each text that begins with "red fox at dawn" begins alike. Where the student wrote "Snow covers a red fox as it turns",
the next one may begin with "Snow covers a red fox at dawn". What an opening says itself is not said again: "At dawn, a"
leaves the red fox.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from promptlet.commands.words import count_words
from promptlet.generation.terms import KeptTerm, with_article
from promptlet.intents.own_words import Phrase
from promptlet.intents.phrasing import LINKS
from promptlet.stemming import capitalized, content_stems, stems, terms

_LONGEST = 5
"""Words; what stands further on is seldom about what the text is about."""

_SMALL_SHARE = 0.5
"""Of the texts that begin with the term itself, how many begin as a caption does, with a small letter."""
_SHARE = 1 / 3
"""Of the words that are the student's own, how many an opening may have beside those of the term."""
_LEADS = re.compile(rf"(?:,|\b(?:{'|'.join(LINKS - {'a', 'an'})}))$", re.IGNORECASE)
"""How openings end behind which any words may stand."""
_DETERMINED = re.compile(r"\b(?:an?|the|this|that|these|those|some|his|her|its|their|my|our|your)$", re.IGNORECASE)
"""How openings end that need no other article."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a text begins."""

    before: str
    """What stands before the term."""
    term: KeptTerm
    """What the text is begun with, without what `before` says."""

    def text(self, rng: random.Random) -> str:
        """Return the words that the text begins with."""
        if self.before:
            return f"{self.before} {self.term.spoken}"
        return self.term.spoken if rng.random() < _SMALL_SHARE else capitalized(self.term.spoken)


def find_openings(texts: Iterable[str], term: KeptTerm) -> tuple[Opening, ...]:
    """Return how texts open that soon say what a term is about (the first part of `KeptTerm.first`), each once.

    An opening that says some of the term is left out, for the text would say it twice, unless it says whole parts of
    it, which the term then lacks. So is what ends a sentence, and what suits only another beginning ("An" elephant for
    "elephants", "An old woman" reading for "girl reading").
    """
    phrase = term.first
    assert phrase is not None, "texts are begun with it"
    about = content_stems(phrase.parts[0])
    # Words that the student was not taught are none of its own, and come again with the term.
    added = set(terms(term.written)).difference(LINKS, terms(term.spoken))
    found = {each.before.casefold(): each for each in _rearranged(term, phrase)}
    for text in texts:
        words = [word for word in text.split() if not added.intersection(terms(word))]
        for index, word in enumerate(words[: _LONGEST + 1]):
            if about.intersection(stems(word)):
                before = _leading(" ".join(words[:index]), word, term, phrase.article)
                rest = _unsaid(term, phrase, before) if before else None
                if rest is not None:
                    found.setdefault(before.casefold(), Opening(before, rest))
                break
    return tuple(found.values())


def choose(openings: Sequence[Opening], index: int, term: KeptTerm, own: int) -> Opening:
    """Return the opening of the index-th draft: they come in turn, for what is drawn by chance is drawn twice.

    Args:
        openings: one of them is the bare term.
        index: of the draft among those of its request.
        term: what texts are begun with, whole.
        own: words that are the student's own if nothing stands before the term.
    """
    whole = count_words(term.spoken)
    fitting = [
        each
        for each in openings
        if not each.before or count_words(f"{each.before} {each.term.spoken}") - whole <= own * _SHARE
    ]
    return fitting[index % len(fitting)]


def _rearranged(term: KeptTerm, phrase: Phrase) -> Iterator[Opening]:
    """Yield a term behind where and when it is: "At dawn, a" red fox in the snow."""
    for place in range(len(phrase.parts) - phrase.places, len(phrase.parts)):
        before = capitalized("".join(phrase.parts[place:]).strip()) + ","
        rest = _left(term, phrase, phrase.parts[:place])
        if rest is not None:
            yield Opening(f"{before} {phrase.article}".rstrip(), rest)


def _leading(before: str, word: str, term: KeptTerm, article: str) -> str:
    """Return what may stand before a term, of what stood before such a word, or "" if nothing may."""
    if not before or set(before) & set(".!?"):
        return ""
    leads, determined = _LEADS.search(before), _DETERMINED.search(before)
    if article and leads and not determined:
        before = f"{before} {article}"
    # A lone article varies little, and asks for a verb, which students find less well than what goes with a thing.
    elif not (leads or (article and determined and " " in before) or terms(word)[:1] == terms(term.spoken)[:1]):
        return ""
    return with_article(f"{before} ", term.spoken).rstrip()


def _unsaid(term: KeptTerm, phrase: Phrase, before: str) -> KeptTerm | None:
    """Return a term without the parts that stand before it already, or None if some of what is left does."""
    said = frozenset(stems(before))
    if said.isdisjoint(content_stems(term.spoken)):
        return term
    first, *others = phrase.parts
    rest = _left(term, phrase, [first, *(part for part in others if not content_stems(part) <= said)])
    ends = _LEADS.search(before) or _DETERMINED.search(before)
    # "At dawn, a" and "Snow covers a" do; "wooden table in a" bowl would turn things round.
    words = terms(before)
    does = words[0] in LINKS or not LINKS.union(terms(term.spoken)).issuperset(words)
    return rest if rest and ends and does and said.isdisjoint(content_stems(rest.spoken)) else None


def _left(term: KeptTerm, phrase: Phrase, parts: Sequence[str]) -> KeptTerm | None:
    """Return the term with these of its parts only, or None if it is made of more than parts."""
    if not str(phrase) == term.spoken == term.written:
        return None
    shorter = "".join(parts)
    return replace(term, written=shorter, spoken=shorter)
