"""What makes a teacher's answer fit to learn from: cleaning it, and the reasons to reject it.

Each check is a function from an answer to a reason or None, named in `CHECKS`; the first that objects decides. The
reason is kept with the rejected row. Checks look at one answer alone, so they run in any process, in any order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from operator import eq

from promptlet.stemming import ngrams, share_said, terms
from promptlet.tasks import load_task
from promptlet.types import KINDS, Intents, Sample
from promptlet.vocabulary import Policy, dictionary_words

DEFAULT_LENGTHS = range(5, 41)
"""Lengths that are kept, if nothing else is said."""

_MARKS = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"})
_LABEL = re.compile(r"(?:prompt|answer|output|image|template)\s*:\s*", re.IGNORECASE)
_LIST = re.compile(r"(?:^|\n)\s*(?:[-*\u2022#]|\d{1,2}[.)])\s")
_KIND_LABEL = re.compile(rf"\b(?:{'|'.join(KINDS)})\s*:", re.IGNORECASE)
_ODD = re.compile(r"[\"\[\]{}<>|\\=_*#`~^@\u0250-\U0010ffff]")
_LEAKS = frozenset(
    (
        "intent intents prompt prompts sure certainly i my we our us you your please instruction instructions "
        "user i'm i'll i'd i've we're we'll let's you're you'll you'd you've here's"
    ).split()
)
_LEAKED_PHRASES = {
    part: re.compile(rf"\b(?:{pattern})\b")
    for part, pattern in {
        "word": r"words? (?:long|count|limit)|\d+[- ]words?",
        "text-to-": r"text-to-\w+",
        "as an ai": "as an ai",
        "language model": "language model",
        "here ": "here (?:is|are)",
        "of course": "of course",
        "one line": "one line",
    }.items()
}
"""Each phrase with a part that it always holds: looking for the part is much quicker, and it is seldom there."""
_UNFINISHED = frozenset(
    (
        "a an the and or but nor of in on at to for from with without by as into onto over under between its "
        "their his her your our my is are was were be that which who while where when than very each every "
        "this these"
    ).split()
)
_NEVER_LAST = frozenset("a an the and or but nor of at from with as into onto its their than very every".split())
"""Those of the unfinished ends that not even a full stop makes an end; "lines to write in." is one."""
_ADJECTIVES = frozenset(
    (
        "beautiful big bright broken busy carved clean clear cold colorful cool cozy crooked curly cute dark "
        "delicate distant dry dusty elegant empty faded folded foggy gentle giant golden happy heavy hidden hollow "
        "huge large little lonely long lovely misty modern muddy narrow neat new old painted pale peaceful polished "
        "rainy rough rustic rusty sandy sharp shiny short simple single slow small smooth snowy soft striped sunny "
        "tall thick thin tidy tiny warm wet wide windy wooden wrinkled young"
    ).split()
)
"""What ends no phrase that begins with an article one or two words before: "a warm.", "a white sandy."."""
_SHORTEST_SENTENCE = 3
"""Words of the last sentence, where it is not the only one."""
_COPIED = 8
"""Words in a row that an answer may not share with an exemplar."""
_LONGEST_WORD = 24
_DIFFERENT_SHARE = 0.6
"""Least share of different words."""
_FOREIGN_SHARE = 0.5
"""Share of words outside the English dictionary from which a prompt counts as foreign."""


@dataclass(frozen=True)
class Examined:
    """A cleaned sample with what several checks need to know about it."""

    sample: Sample
    words: tuple[str, ...]
    """The prompt's words as they stand."""
    policy: Policy
    unknown_words: int
    """Words outside the dictionary that are tolerated."""
    lengths: range = DEFAULT_LENGTHS
    """How many words are neither too few nor too many."""

    @classmethod
    def of(cls, sample: Sample, policy: Policy, unknown_words: int = 0, lengths: range = DEFAULT_LENGTHS) -> Examined:
        """Return the answer of a sample whose prompt is taken as it is."""
        return cls(sample, tuple(sample.prompt.split()), policy, unknown_words, lengths)

    @property
    def terms(self) -> tuple[str, ...]:
        """The prompt's words in lower case without marks."""
        return self.sample.terms

    @property
    def expressed(self) -> Intents:
        """The intents that left a trace in the prompt."""
        return expressed(self.sample.intents, self.sample.stems)

    def objection(self) -> str | None:
        """Return why the answer is rejected, or None."""
        for check in CHECKS:
            if reason := check(self):
                return reason
        return None


def clean(text: str) -> str:
    """Return the answer as plain text: no label, no wrapping quotes, plain marks, single spaces."""
    text = (text if text.isascii() else text.translate(_MARKS)).strip()
    if label := _LABEL.match(text):
        text = text[label.end() :]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`*":
        text = text[1:-1]
    return (re.sub(r"[ \t]+", " ", text) if "  " in text or "\t" in text else text).strip()


def lists(answer: Examined) -> str | None:
    """More than one line, or a list in a task whose prompts are none."""
    prompt = answer.sample.prompt
    if "\n" in prompt or _LIST.match(prompt):
        return "list"
    many = prompt.count(",") > max(4, len(answer.words) // 3)
    return "list" if many and not load_task(answer.sample.task).listed else None


def length(answer: Examined) -> str | None:
    """Too few or too many words."""
    count = len(answer.words)
    if count < answer.lengths.start:
        return "too short"
    return "too long" if count >= answer.lengths.stop else None


def leakage(answer: Examined) -> str | None:
    """The instructions, the request's labels, or talk to somebody: a prompt has no I and no you."""
    words, prompt = answer.terms, answer.sample.prompt
    leaked = not _LEAKS.isdisjoint(words) and any(
        term in _LEAKS and not (term == "you" and words[index - 1] == "thank") for index, term in enumerate(words)
    )
    lower = prompt.casefold()
    leaked = leaked or any(part in lower and phrase.search(lower) for part, phrase in _LEAKED_PHRASES.items())
    return "instruction leak" if leaked or (":" in prompt and _KIND_LABEL.search(prompt)) else None


def characters(answer: Examined) -> str | None:
    """What has no place in a prompt: brackets, quotes, emoji, control characters, chains that are no words."""
    prompt = answer.sample.prompt
    if _ODD.search(prompt) or not prompt.isprintable() or max(map(len, answer.words), default=0) > _LONGEST_WORD:
        return "odd characters"
    return None


def repetition(answer: Examined) -> str | None:
    """A loop: a word or three words twice in a row, one word again and again, or few different words."""
    words = answer.terms
    if any(map(eq, words, words[1:])):
        return "repetition"
    repeated = len(words) - len(set(words))
    if not repeated:
        return None
    if len(set(ngrams(words, 3))) < len(words) - 2:
        return "repetition"
    counts = Counter(words) if repeated > 1 else {}
    if any(count > 2 and len(word) > 3 for word, count in counts.items()):
        return "repetition"
    return "repetition" if (len(words) - repeated) / len(words) < _DIFFERENT_SHARE else None


def truncation(answer: Examined) -> str | None:
    """An end in the middle of a phrase, or of a sentence that has hardly begun."""
    last = answer.words[-1] if answer.words else ""
    if last[-1:] in ",;:-(&/" or last.casefold() in _UNFINISHED or last.rstrip(".!?").casefold() in _NEVER_LAST:
        return "truncated"
    if last.rstrip(".!?").casefold() in _ADJECTIVES and {"a", "an"}.intersection(
        map(str.casefold, answer.words[-3:-1])
    ):
        return "truncated"
    before = answer.words[-_SHORTEST_SENTENCE - 1 : -1]
    # What ends with a mark in three letters is an abbreviation: "St. Louis".
    return "truncated" if any(word[-1] in ".!?" and len(word) > 3 for word in before[1:]) else None


def denied(answer: Examined) -> str | None:
    """A term that the vocabulary policy denies."""
    finding = answer.policy.find_denied(answer.sample.prompt, answer.terms)
    return f"denied: {finding}" if finding else None


def copied(answer: Examined) -> str | None:
    """An exemplar, repeated instead of imitated: eight words in a row, or all of a shorter one."""
    exemplars = _exemplar_runs(answer.sample.task)
    return "copied exemplar" if not exemplars.isdisjoint(_runs(answer.terms)) else None


def off_topic(answer: Examined) -> str | None:
    """The topic, or more than half of the intents, left no trace in the prompt."""
    found = answer.expressed
    on_topic = any(intent.kind == "Topic" for intent in found)
    return None if on_topic and 2 * len(found) >= len(answer.sample.intents) else "off topic"


def vocabulary(answer: Examined) -> str | None:
    """Words in no dictionary: invented, misspelt, or of another language. Intents and exemplars have their own."""
    rare = set(answer.terms) - dictionary_words()
    if not rare:
        return None
    exemplars = _exemplar_terms(answer.sample.task)
    own = {term for intent in answer.sample.intents for term in terms(intent.value)}
    unknown = [term for term in answer.terms if term in rare and not answer.policy.approves(term, own, exemplars)]
    if len(unknown) <= answer.unknown_words:
        return None
    return "not English" if len(unknown) > _FOREIGN_SHARE * len(answer.terms) else f"unknown word: {unknown[0]}"


CHECKS: tuple[Callable[[Examined], str | None], ...] = (
    lists,
    length,
    leakage,
    characters,
    repetition,
    truncation,
    denied,
    vocabulary,
    copied,
    off_topic,
)


def expressed(intents: Intents, stemmed: frozenset[str]) -> Intents:
    """Return the intents of which at least one content word is said, by the stems of a prompt."""
    return tuple([intent for intent in intents if share_said(intent.value, stemmed) > 0])


def _runs(words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    if len(words) <= _COPIED:
        return (words,)
    return ngrams(words, _COPIED)


@cache
def _exemplar_terms(task: str) -> frozenset[str]:
    return frozenset().union(*(terms(exemplar.prompt) for exemplar in load_task(task).exemplars))


@cache
def _exemplar_runs(task: str) -> frozenset[tuple[str, ...]]:
    return frozenset().union(*(_runs(tuple(terms(exemplar.prompt))) for exemplar in load_task(task).exemplars))
