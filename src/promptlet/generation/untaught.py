"""Words that a student was not taught, names above all, and how they come into its text all the same.

What it was not taught it can't say, and a head that holds such words leads it astray: asked for an old town of Zürich
it wrote of a strait. So it is asked for an old town, and where it says "old town" the text has "old town in Zürich".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from promptlet.commands.words import count_words
from promptlet.generation.terms import Term
from promptlet.intents.reading import FILLERS
from promptlet.lemmas import terms, without_accents
from promptlet.student.format import Student
from promptlet.types import Intent, Intents

_ANCHORS = ("Topic", "Scene object", "Setting", "Design type", "Composition")
"""Kinds whose words others are joined to, the best first."""
_BEFORE, _NAMED = "{1} {0}", "{0}, {1},"
_JOINED: Mapping[str, str] = {
    "Design type": "{0} {1}",
    "Setting": "{0} in {1}",
    "Typography": "{0} in {1}",
    "Audience": "{0} for {1}",
    "Scene object": "{0} with {1}",
}
"""By kind, how an untaught value ({1}) joins words of the student; those of the other kinds stand before them."""
_ORDER = tuple(dict.fromkeys((_BEFORE, *_JOINED.values(), _NAMED)))
"""Who joins first stands next to the words."""
_WORD = re.compile(r"\S+(?: & \S+)*")
"""A word, or such as belong together: "Smith & Sons"."""
_NUMBER = re.compile(r"(?<!\w)\d+(?!\w)")
"""A number is joined too: students were taught many, and write whichever they like."""
_NOTHING = FILLERS | frozenset("dr jr mr mrs ms mt sr st".split())
"""Words that say nothing by themselves."""
_PLAIN = re.compile(r"\w[\w'& -]*")
"""Kept terms that can be joined to words; what is stranger stands by itself."""


@dataclass(frozen=True)
class Wording:
    """A request in words that the student was taught."""

    intents: Intents
    terms: tuple[Term, ...]
    """What its text must hold."""
    wishes: tuple[str, ...]
    """Kept terms of which it shall speak by itself."""


def reword(intents: Intents, keep: Sequence[Term], student: Student, room: int, stand_in: str | None = None) -> Wording:
    """Return a request in words that the student was taught, and what these become in its text.

    Args:
        intents: what is wished for. Untaught values are joined to taught ones, as far as there is room.
        keep: what the text must hold in any case.
        student: who is asked.
        room: most words of such joined texts.
        stand_in: what untaught values are joined to if the student was taught nothing else that they could be.
    """
    said = [_taught(intent.value, lambda text: not _NUMBER.search(text) and student.knows(text)) for intent in intents]
    anchors = [place for place, intent in enumerate(intents) if said[place] and intent.kind in _ANCHORS]
    if not anchors and not all(said) and stand_in is not None and student.knows(stand_in):
        found = reword((*intents, Intent("Topic", stand_in)), keep, student, room)
        if any(term.joined and term.spoken == stand_in for term in found.terms):
            return found
    anchor = min(anchors, key=lambda place: _ANCHORS.index(intents[place].kind), default=None)
    strange = [term for term in keep if not student.writes(term.spoken)]
    values = [_with_terms(intent.value, strange) for intent in intents]
    joining = _Joining(room, strange)
    for place, value in enumerate(values):
        if said[place] not in ("", value):
            joining.join(place, value)
    apart = [term for term in keep if term not in strange or not any(_holds(value, term) for value in values)]
    named = [term for term in apart if _is_name(term, student)] if anchor is not None else []
    if anchor is not None:
        lone = [(_pattern(intents[place]), value) for place, value in enumerate(values) if not said[place]]
        lone += [(_NAMED, term.written) for term in named]
        for pattern, value in sorted(lone, key=lambda each: _ORDER.index(each[0])):
            text = joining.texts.get(anchor, said[anchor]).removesuffix(",")
            joining.join(anchor, pattern.format(text, value))
    own = [_shortened(term, student) for term in apart if term not in named]
    # Students were taught that there is a topic.
    kinds = ["Topic" if place == anchor else intent.kind for place, intent in enumerate(intents)]
    spoken = said if anchor is not None else [text or intent.value for text, intent in zip(said, intents, strict=True)]
    return Wording(
        tuple(Intent(kind, value) for kind, value in zip(kinds, spoken, strict=True) if value),
        (*own, *(Term(text, said[place], joined=True) for place, text in joining.texts.items())),
        tuple(term.spoken for term in own if student.knows(term.spoken)),
    )


@dataclass
class _Joining:
    """What a student's words become, by the place of their intent."""

    room: int
    kept: Sequence[Term]

    def __post_init__(self) -> None:
        self.texts: dict[int, str] = {}

    def join(self, place: int, text: str) -> None:
        """Let the words of a place become a text; one without a kept term only if there is room."""
        cost = count_words(text) - count_words(self.texts.get(place, ""))
        if cost <= self.room or any(_holds(text, term) for term in self.kept):
            self.texts[place] = text
            self.room -= cost


def _taught(value: str, knows: Callable[[str], bool]) -> str:
    """Return the words of a value that a student knows, as it was taught them, "" if they say nothing."""
    value = without_accents(value)
    if value.startswith('"'):  # what shall be written stays in one piece
        return ""
    if knows(value):
        return value
    words = [word for word in _WORD.findall(value) if knows(word)]
    while words and _says_nothing(words[-1]):
        words.pop()
    while words and _says_nothing(words[0]):
        words.pop(0)
    return " ".join(words)


def _says_nothing(word: str) -> bool:
    return _NOTHING.issuperset(terms(word))


def _with_terms(value: str, strange: Sequence[Term]) -> str:
    """Return a value with kept terms that stand in it as they must appear."""
    for term in strange:
        value = re.sub(rf"(?<!\w){re.escape(term.spoken)}(?!\w)", term.written.replace("\\", r"\\"), value)
    return value


def _holds(text: str, term: Term) -> bool:
    """Return whether a kept term stands in a text as it must appear, and not within a word."""
    return re.search(rf"(?<!\w){re.escape(term.written)}(?!\w)", text) is not None


def _pattern(intent: Intent) -> str:
    named = intent.kind == "Scene object" and intent.value[0].isupper()
    return _NAMED if named else _JOINED.get(intent.kind, _BEFORE)


def _is_name(term: Term, student: Student) -> bool:
    """Return whether a kept term is a name that the student was not taught, and can be joined to words."""
    if student.writes(term.spoken) or not _PLAIN.fullmatch(term.spoken):
        return False
    return not _taught(term.spoken, student.writes) or all(word[0].isupper() for word in term.spoken.split())


def _shortened(term: Term, student: Student) -> Term:
    """Return a kept term of which the student writes what it was taught: "photo" becomes "cinematic photo"."""
    return replace(term, spoken=_taught(term.spoken, student.writes) or term.spoken)
