"""Terms that a prompt must hold or must not hold.

A kept term is written by the student while it decodes, so that the text around it fits. The student knows words, not
markup: for `(golden hour:1.2)` and `"golden hour"` it writes "golden hour", which then gets its marks back; for
`<lora:foo:0.8>`, `--ar 16:9` and emoji, which say nothing to it, it leaves room at the end.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Self

from promptlet.commands.base import Placed
from promptlet.commands.words import count_words
from promptlet.errors import UsageError
from promptlet.intents.own_words import Phrase
from promptlet.registry import unknown
from promptlet.stemming import as_read, capitalized, stem, stems
from promptlet.stemming import terms as words_of
from promptlet.vocabulary import Policy

_TAG = re.compile(r"<.+>|--\w.*|\(?embedding:\S+|[\W_]+")
_MARKS = ".,;:!?\"'*_~`\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
_WEIGHTED = re.compile(r"[(\[{]+(?P<inner>\w[^()\[\]{}:]*)(?::\d*\.?\d+)?[)\]}]+")
CATEGORY_PREFIX = "category:"
_ARTICLE = re.compile(r"(?<![\w'-])(?P<a>[Aa])n? $")
_WITH_ARTICLE = re.compile(r"(?<![\w'-])[Aa]n? (?=[^\W\d_])")
_FIRST_WORD = re.compile(r"[^\w]*([^\W\d_]+)")
_VOWEL = re.compile(
    r"(?!eu|ewe|one(?:s|ness)?\b|once\b|uni(?!n|mp|mag|de)|u[rs](?:a[bgn]|e|u|i|olog)|ut[aeio]|uku|ubiq)[aeiou]"
    r"|heir|honest|honou?r|hour",
    re.IGNORECASE,
)
"""How words begin that take "an"."""
_EITHER = re.compile("herb|ukiyo", re.I)
"""How words begin that some say with a vowel and others without."""
_STUDENT_PLACES = 0.5
_OWN, _ALONE = "*", "="
"""How ``forms.txt`` marks a word of its own, and one that is meant in just this form."""
_SPACE = "\u0120"
"""How byte-level vocabularies write the space before a word."""


@dataclass(frozen=True, slots=True)
class KeptTerm:
    """A kept term as it must appear, and as the student writes it."""

    written: str
    spoken: str
    joined: bool = False
    """Whether it is words of the student to which others were added: they may begin a sentence, or end in a mark."""
    first: Phrase | None = None
    """If the text begins with it, before the student has said the like in its own way: in parts, the first of which the
    student would say anyway, as "red fox" of "red fox at dawn"."""

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the term of a text; its markup, if that adds no word, is not the student's to write."""
        if weighted := _WEIGHTED.fullmatch(text):
            inner = weighted["inner"].strip()
            if count_words(inner) == count_words(text):
                return cls(text, inner)
        return cls(text, text.strip(_MARKS) or text)


class KeptTerms:
    """The terms that every prompt of a request holds: `terms` stand in the sentence, `tags` behind it.

    `words` counts all their words, and `added_words` those that are not the student's to write.
    """

    def __init__(self, raw: Sequence[str], terms: Sequence[KeptTerm] | None = None) -> None:
        """Read terms as a request has them; `terms`, if given, are those of the sentence in the student's words."""
        self.raw = tuple(raw)
        self.tags = tuple(text for text in raw if _TAG.fullmatch(text))
        self.terms = (
            tuple(KeptTerm.of(text) for text in raw if text not in self.tags) if terms is None else tuple(terms)
        )
        self.words = sum(map(count_words, (*self.tags, *(term.written for term in self.terms))))
        self.added_words = self.words - sum(count_words(term.spoken) for term in self.terms)

    def order(self, rng: random.Random) -> tuple[KeptTerm, ...]:
        """Return the terms of the sentence in a drawn order, after the one that it begins with."""
        return tuple(sorted(rng.sample(self.terms, len(self.terms)), key=lambda term: term.first is None))

    def render(self, text: str, order: Sequence[KeptTerm]) -> str:
        """Return the student's text with the terms as they must appear and the tags behind it."""
        for term, (start, end) in reversed(list(zip(order, spans(text, order), strict=False))):
            before, spoken, behind = text[:start], text[start:end], text[end:]
            written = _joined(term.written, spoken, behind) if term.joined else term.written
            if written[-1] in ".!?" and behind == ".":
                behind = ""
            text = with_article(before, written) + written + behind
        return " ".join([text, *self.tags]).strip()

    def missing(self, text: str) -> str | None:
        """Return the first term that a finished text lacks, or None."""
        return next((term for term in self.raw if term not in text), None)


def _joined(written: str, spoken: str, behind: str) -> str:
    """Return what words become that were spoken so: a capital stays, and no mark follows another."""
    text = capitalized(written) if spoken[0].isupper() else written
    return text.removesuffix("" if behind[:1] == " " else ",")


def with_article(before: str, written: str) -> str:
    """Return the text before some words with the article that they take, if one stands there."""
    word = _FIRST_WORD.match(written)
    if not word or word[1][:2].isupper() or _EITHER.match(word[1]):  # "an LED lamp" is read letter by letter
        return before
    return _ARTICLE.sub(r"\g<a>n " if _VOWEL.match(word[1]) else r"\g<a> ", before)


def misses_article(text: str, told: Iterable[KeptTerm] = ()) -> bool:
    """Return whether "a" stands in a text where "an" should, or the other way round, and no term that it must hold has
    the like."""
    found = any(with_article(each[0], text[each.end() :]) != each[0] for each in _WITH_ARTICLE.finditer(text))
    return found and not any(misses_article(term.written) for term in told)


def placed(order: Sequence[KeptTerm], rng: random.Random, words: int) -> list[Placed]:
    """Return the terms with the places in a text of so many words by which they must have come.

    Half of the texts leave the places to the student, which suits terms that it knows; it puts off others to the end,
    so the other half draw places.
    """
    drawn = rng.random() >= _STUDENT_PLACES
    latest = sorted(rng.randrange(words) if drawn and not term.joined else words for term in order)
    return [Placed(term.spoken, place, loose=term.joined) for term, place in zip(order, latest, strict=True)]


def spans(text: str, order: Sequence[KeptTerm]) -> list[tuple[int, int]]:
    """Return where the terms stand, in this order, in what the student wrote; up to the first that is not there."""
    found: list[tuple[int, int]] = []
    for term in order:
        first = f"(?i:{re.escape(term.spoken[0])})" if term.joined else re.escape(term.spoken[0])
        standing = re.compile(rf"(?<![\w'-]){first}{re.escape(term.spoken[1:])}(?![\w'-])")
        match = standing.search(text, found[-1][1] if found else 0)
        if match is None:
            break
        found.append(match.span())
    return found


class BannedTerms:
    """What no prompt of a request may say."""

    def __init__(self, raw: Sequence[str], policy: Policy, wishes: Sequence[str] = ()) -> None:
        """Read words, phrases and ``category:NAME``.

        Args:
            raw: the terms.
            policy: what is denied in any case.
            wishes: what is wished for; who wants no people may have a guest room.

        Raises:
            UsageError: for a term without a word, or a category that the policy lacks.
        """
        self.policy = policy
        for text in raw:
            name = text.removeprefix(CATEGORY_PREFIX).strip()
            if text.startswith(CATEGORY_PREFIX) and name not in policy.file.denied:
                raise UsageError(unknown("category", name, policy.file.denied), "ban")
        spared = {form for wish in wishes for forms in _said(wish)[:-1] for form in forms}
        self.phrases = {text: _phrase(text, spared) for text in raw if not text.startswith(CATEGORY_PREFIX)}
        """By term, the forms that each of its words is said by."""
        for text, phrase in self.phrases.items():
            if not phrase:
                raise UsageError(f"the banned term '{text}' holds no word", "ban")

    def find(self, text: str) -> str | None:
        """Return the first banned term that a text says in some form, or None."""
        said = _said(text)
        return next((term for term, phrase in self.phrases.items() if _stands(phrase, said)), None)

    def objection(self, text: str) -> str | None:
        """Return why a text may not be written, or None: a term is banned, or the policy denies what it says."""
        if term := self.find(text):
            return f"'{term}' is banned"
        # All categories are denied always; who bans one makes sure that the policy has it.
        finding = self.policy.find_denied(text)
        return f"the vocabulary policy denies '{finding.term}' ({finding.category})" if finding else None

    def tokens(self, vocabulary: Mapping[str, int]) -> tuple[int, ...]:
        """Return the tokens of a byte-level vocabulary that write a banned word after a space."""
        words = {each for phrase in self.phrases.values() if len(phrase) == 1 for each in phrase[0]}
        beginnings = tuple(
            _SPACE + start for start in {each[:2] for each in words} | {each[:2].title() for each in words}
        )
        return tuple(
            sorted(
                index
                for token, index in vocabulary.items()
                if token.startswith(beginnings) and not words.isdisjoint(_forms_of(token[1:].casefold()))
            )
        )


def asks_for(wish: str, term: str) -> bool:
    """Return whether a wish is for what a term bans: "a woman" is for people, "a guest room" for none."""
    phrase, said = _phrase(term), _said(wish)
    return _stands(tuple(_same().get(each, frozenset((each,))) for each in stems(as_read(term))), said) or _stands(
        phrase, said[-len(phrase) :]
    )


def says(text: str, term: str) -> bool:
    """Return whether a text says a term in some form."""
    return _stands(_phrase(term), _said(text))


def _phrase(term: str, spared: Collection[str] = ()) -> tuple[frozenset[str], ...]:
    """Return, for each word of a term, the forms that it is said by, but for spared words of their own."""
    words = stems(as_read(term))
    together = [(_same().get(each, frozenset((each,))), _others().get(each, frozenset())) for each in words]
    return tuple(same | others.difference(spared) for same, others in together)


def _said(text: str) -> list[tuple[str, str]]:
    """Return the forms of each word of a text."""
    return list(map(_forms_of, words_of(as_read(text))))


def _forms_of(word: str) -> tuple[str, str]:
    """Return the stem of a word, and the word itself as ``forms.txt`` has it if no other of its stem is meant."""
    return stem(word), word.removesuffix("'s") + _ALONE


def _stands(phrase: Sequence[frozenset[str]], said: Sequence[tuple[str, str]]) -> bool:
    return any(
        all(not forms.isdisjoint(each) for each, forms in zip(said[start:], phrase, strict=False))
        for start in range(len(said) - len(phrase) + 1)
    )


@cache
def _same() -> dict[str, frozenset[str]]:
    """Return, by stem, the stems of the forms of a word that has several."""
    return _together(lambda form: form[-1] not in (_OWN, _ALONE))


@cache
def _others() -> dict[str, frozenset[str]]:
    """Return, by stem, the words of their own that are banned with a word."""
    return _together(lambda form: form[-1] in (_OWN, _ALONE))


def _together(wanted: Callable[[str], bool]) -> dict[str, frozenset[str]]:
    """Return, by the stem of each word in ``forms.txt`` that bans others, the wanted ones of these."""
    found: dict[str, frozenset[str]] = {}
    for line in (resources.files(__package__) / "forms.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            forms = line.split()
            together = frozenset(
                form if form.endswith(_ALONE) else stem(form.removesuffix(_OWN)) for form in forms if wanted(form)
            )
            for each in {stem(form) for form in forms if form[-1] not in (_OWN, _ALONE)}:
                found[each] = found.get(each, frozenset()) | together
    return found
