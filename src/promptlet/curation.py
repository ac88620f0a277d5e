"""What makes a teacher's answer fit to learn from: cleaning it, and the reasons to reject it.

Each check is a function from a sample to a reason or None, named in `CHECKS`; the first that objects decides. The
reason is kept with the rejected row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise

from promptlet.commands.words import count_words
from promptlet.lemmas import stem, terms
from promptlet.tasks import load_task
from promptlet.types import Intents, Sample
from promptlet.vocabulary import find_denied

WORDS = range(5, 41)
"""Lengths that are kept."""

_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"})
_LABEL = re.compile(r"^(?:prompt|answer|output|image|template)\s*:\s*", re.IGNORECASE)
_LIST = re.compile(r"^\s*(?:[-*\u2022#]|\d{1,2}[.)])\s|\n\s*(?:[-*\u2022#]|\d{1,2}[.)])\s")
_KIND_LABEL = re.compile(
    r"\b(?:topic|scene object|design type|style|mood|color|audience|occasion|setting|lighting|composition|tone)\s*:",
    re.IGNORECASE,
)
_LEAK = re.compile(
    r"\b(?:intents?|prompts?|words? (?:long|count|limit)|\d+[- ]words?|text-to-\w+|as an ai|language model|"
    r"sure,|certainly|here(?:'s| is| are)|of course|i|i'\w+|my|we|our|us|(?<!thank )you|your|you'\w+|"
    r"please|instructions?|one line|user)\b",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"(?:\b(?:a|an|the|and|or|but|nor|of|in|on|at|to|for|from|with|without|by|as|into|onto|over|under|between|its|"
    r"their|his|her|your|our|my|is|are|was|were|be|that|which|who|while|where|when|than|very|each|every|this|these)"
    r"|[,;:\-(&/])$",
    re.IGNORECASE,
)
_COPIED = 8
"""Words in a row that an answer may not share with an exemplar."""
_LONGEST_WORD = 24
_SHORTEST_JUDGED, _SHORTEST_PART = 3, 4
"""Letters of a word that must be in the dictionary, and of each part of a compound ("beachside")."""
_MAX_MARGIN = 20.0
"""Log-likelihood by which another language must beat English; names of styles and dishes stay below it."""


def clean(text: str) -> str:
    """Return the answer as one line of plain text: no label, no wrapping quotes, plain marks, single spaces."""
    text = _LABEL.sub("", text.translate(_QUOTES).strip())
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`*":
        text = text[1:-1]
    return re.sub(r"[ \t]+", " ", text).strip()


def length(sample: Sample) -> str | None:
    """Too few or too many words."""
    count = count_words(sample.prompt)
    if count < WORDS.start:
        return "too short"
    return "too long" if count >= WORDS.stop else None


def lists(sample: Sample) -> str | None:
    """A list, or more than one line."""
    if _LIST.search(sample.prompt) or "\n" in sample.prompt:
        return "list"
    return "list" if sample.prompt.count(",") > max(4, count_words(sample.prompt) // 3) else None


def leakage(sample: Sample) -> str | None:
    """The instructions, the request's labels, or talk to somebody: a prompt has no I and no you."""
    return "instruction leak" if _KIND_LABEL.search(sample.prompt) or _LEAK.search(sample.prompt) else None


def characters(sample: Sample) -> str | None:
    """What has no place in a prompt: brackets, quotes, emoji, control characters, chains that are no words."""
    if max(map(len, sample.prompt.split()), default=0) > _LONGEST_WORD:
        return "odd characters"
    if re.search(r"[\"\[\]{}<>|\\=_*#`~^@]", sample.prompt) or not sample.prompt.isprintable():
        return "odd characters"
    return "odd characters" if any(ord(c) > 0x24F for c in sample.prompt) else None


def repetition(sample: Sample) -> str | None:
    """A loop: a word or three words twice in a row, one word again and again, or few different words."""
    words = terms(sample.prompt)
    if any(one == other for one, other in pairwise(words)):
        return "repetition"
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    if triples and max(triples.values()) > 1:
        return "repetition"
    long_words = Counter(word for word in words if len(word) > 3)
    if long_words and max(long_words.values()) > 2:
        return "repetition"
    return "repetition" if words and len(set(words)) / len(words) < 0.6 else None


def truncation(sample: Sample) -> str | None:
    """An end in the middle of a phrase."""
    return "truncated" if _DANGLING.search(sample.prompt) else None


def language(sample: Sample) -> str | None:
    """Another language than English."""
    import py3langid

    scores = dict(py3langid.rank(sample.prompt))
    return "not English" if max(scores.values()) - scores["en"] > _MAX_MARGIN else None


def made_up(sample: Sample) -> str | None:
    """A word that is in no dictionary: small teachers invent and misspell. The sample's own intents are allowed."""
    own = {word for intent in sample.intents for word in terms(intent.value)}
    parts = re.findall(r"[^\W\d_]+(?:'t)?", sample.prompt.casefold())
    invented = next((part for part in parts if part not in own and not _in_dictionary(part)), None)
    return f"made-up word: {invented}" if invented else None


def denied(sample: Sample) -> str | None:
    """A word that the vocabulary policy denies."""
    term = find_denied(sample.prompt)
    return f"denied word: {term}" if term else None


def copied(sample: Sample) -> str | None:
    """An exemplar, repeated instead of imitated: eight words in a row, or all of a shorter one."""
    runs = _runs(sample.prompt)
    return "copied exemplar" if runs & _exemplar_runs(sample.task) else None


def off_topic(sample: Sample) -> str | None:
    """The topic, or half of the intents, left no trace in the prompt."""
    found = expressed(sample)
    on_topic = any(intent.kind == "Topic" for intent in found)
    return None if on_topic and 2 * len(found) >= len(sample.intents) else "off topic"


CHECKS: tuple[Callable[[Sample], str | None], ...] = (
    lists,
    length,
    leakage,
    characters,
    repetition,
    truncation,
    denied,
    copied,
    off_topic,
    made_up,
    language,
)


def expressed(sample: Sample) -> Intents:
    """Return the intents of which at least one content word, by its stem, occurs in the prompt."""
    said = set(map(stem, terms(sample.prompt)))
    return tuple(i for i in sample.intents if any(stem(word) in said for word in _content(i.value)))


def duplicate_key(sample: Sample) -> str:
    """Return what two prompts share if they are the same but for case and marks."""
    return f"{sample.task}:{' '.join(terms(sample.prompt))}"


def _runs(text: str) -> set[tuple[str, ...]]:
    words = terms(text)
    return {tuple(words[start : start + _COPIED]) for start in range(max(1, len(words) - _COPIED + 1))}


@cache
def _exemplar_runs(task: str) -> frozenset[tuple[str, ...]]:
    return frozenset().union(*(_runs(exemplar.prompt) for exemplar in load_task(task).exemplars()))


@cache
def _in_dictionary(word: str) -> bool:
    """Return whether the dictionary of pyspellchecker (MIT) has the word, or both parts of a compound."""
    dictionary = _dictionary()
    if len(word) < _SHORTEST_JUDGED or word in dictionary:
        return True
    cuts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
    return any(word[:cut] in dictionary and word[cut:] in dictionary for cut in cuts)


@cache
def _dictionary() -> frozenset[str]:
    from spellchecker import SpellChecker

    return frozenset(SpellChecker(language="en").word_frequency.words())


def _content(value: str) -> list[str]:
    words = terms(value)
    return [word for word in words if len(word) > 2] or words
