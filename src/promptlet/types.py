"""The records that every layer shares: an intent, a set of them, and a sample."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from promptlet.errors import UsageError
from promptlet.stemming import stem, terms

RELEVANCE = "relevance"
"""The score that says how good a pair is in all; the others are its parts."""
LIKELIHOOD = "likelihood"
"""The mean natural logarithm of the probability that a teacher gave its own tokens. It stands among the scores and is
none: judges of fluency read it."""
_JOINERS = {0x200C: None, 0x200D: None}

KINDS: tuple[str, ...] = (
    "Topic",
    "Scene object",
    "Design type",
    "Style",
    "Mood",
    "Color",
    "Audience",
    "Occasion",
    "Setting",
    "Lighting",
    "Composition",
    "Material",
    "Typography",
    "Tone",
)
"""What an intent can be about (the paper's section 3, widened); the label is part of the training text."""

KIND_ALIASES: Mapping[str, str] = {
    "subject": "Topic",
    "background": "Setting",
    "location": "Setting",
    "medium": "Style",
    "colour": "Color",
    "object": "Scene object",
    "scene": "Setting",
    "season": "Occasion",
    "event": "Occasion",
    "design": "Design type",
    "template": "Design type",
    "texture": "Material",
    "font": "Typography",
}

MAX_INTENTS = 8
MAX_VALUE_CHARACTERS = 120
MAX_TEXT_CHARACTERS = 400
"""Of a wish in free words."""

_BY_NAME = {kind.casefold(): kind for kind in KINDS} | dict(KIND_ALIASES)


@dataclass(frozen=True, slots=True)
class Intent:
    """One typed wish. Its text form is ``Kind: value``."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"

    @classmethod
    def of(cls, kind: str, value: str) -> Intent:
        """Return a checked intent: a known kind and a value of 1 to 120 printable characters.

        Raises:
            UsageError: naming the kind or value and what is allowed.
        """
        known = _BY_NAME.get(" ".join(kind.replace("_", " ").split()).casefold())
        if known is None:
            raise UsageError(f"unknown kind of intent '{kind.strip()}'; known: {', '.join(KINDS)}")
        if not value.strip():
            raise UsageError(f"the intent '{known}' is empty; give it a value, as in '{known}: birthday'")
        return cls(known, plain_text(value, "the intent", MAX_VALUE_CHARACTERS))

    @classmethod
    def parse(cls, text: str) -> Intent:
        """Return the intent written as ``Kind: value``; text without a colon is a Topic."""
        kind, colon, value = text.partition(":")
        return cls.of(kind, value) if colon else cls.of("Topic", text)


Intents = tuple[Intent, ...]


def is_plain(text: str) -> bool:
    """Return whether a text has no control characters; those that join letters and emoji are none."""
    return text.translate(_JOINERS).isprintable()


def plain_text(raw: str, what: str, longest: int) -> str:
    """Return a text on one line, its letters composed, so that the same word is the same characters.

    Raises:
        UsageError: if it is empty, has more characters than `longest`, or control characters.
    """
    text = unicodedata.normalize("NFC", " ".join(raw.split()))
    if not text:
        raise UsageError(f"{what} is empty; say what the prompt is about")
    if len(text) > longest:
        raise UsageError(f"{what} '{text[:30]}...' has {len(text)} characters; at most {longest} are allowed")
    if any("\ud800" <= character <= "\udfff" for character in text):  # what Python makes of other bytes in arguments
        raise UsageError(f"{what} {text!r} holds bytes that are no UTF-8, or half a character; plain text is allowed")
    if not is_plain(text):
        raise UsageError(f"{what} {text!r} holds control characters; plain text is allowed")
    return text


def parse_intents(raw: str | Iterable[str | Intent | tuple[str, str]]) -> Intents:
    """Return checked intents from what a caller may hand in: free text, ``Kind: value`` strings or pairs.

    One string is free text, taken whole as a Topic (whatever punctuation it holds).
    """
    if isinstance(raw, str):
        return (Intent.of("Topic", raw),)
    intents = tuple(
        item if isinstance(item, Intent) else Intent.parse(item) if isinstance(item, str) else Intent.of(*item)
        for item in raw
    )
    if not 1 <= len(intents) <= MAX_INTENTS:
        raise UsageError(f"{len(intents)} intents were given; 1 to {MAX_INTENTS} are allowed")
    return intents


def render_intents(intents: Intents) -> str:
    """Return the text that the student and the teacher read: ``Topic: birthday, Scene object: balloon``."""
    return ", ".join(map(str, intents))


def intents_key(intents: Intents) -> str:
    """Return a digest of the set of intents, whatever their order: what splits and counts go by."""
    canonical = "\n".join(sorted(str(intent).casefold() for intent in intents))
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Sample:
    """One training example: what was wanted, what was written, and where it came from."""

    intents: Intents
    task: str
    prompt: str
    source: str = ""
    split: str = "train"
    commands: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    """How good the pair is, part by part, each from 0 to 1; and `LIKELIHOOD`, where its teacher told it."""

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """The prompt's words in lower case without marks; checks and judges all read them."""
        return tuple(terms(self.prompt))

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of the prompt's words."""
        return frozenset(map(stem, self.terms))
