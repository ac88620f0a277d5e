"""Words that a student does not say by itself, and how they come into its text all the same.

What it was not taught, names above all, it can't say, and a head that holds such words leads it astray: asked for an
old town of Zürich it wrote of a strait. So it is asked for an old town, and where it says "old town" the text has "old
town in Zürich". What it was taught and leaves out is insisted on: it is made to write "poster with electronics".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from promptlet.commands.words import count_words
from promptlet.errors import UsageError
from promptlet.generation.terms import KeptTerm
from promptlet.intents.describing import is_medium
from promptlet.intents.own_words import Phrase
from promptlet.intents.phrasing import FILLERS
from promptlet.intents.reading import AGE, HOURS
from promptlet.intents.techniques import CAMERA
from promptlet.stemming import terms, without_accents
from promptlet.student.format import Student
from promptlet.types import Intent, Intents

_ANCHORS = ("Topic", "Scene object", "Setting", "Design type", "Composition")
"""Kinds whose words others are joined to, the best first."""
_BEFORE, _AT, _NAMED, _SHOWS = "{1} {0}", "{0} at {1}", "{0}, {1},", "{1} of {0}"
_JOINED: Mapping[str, str] = {
    "Design type": "{0} {1}",
    "Setting": "{0} in {1}",
    "Typography": "{0} in {1}",
    "Audience": "{0} for {1}",
    "Scene object": "{0} with {1}",
    "Lighting": "{0} in {1}",
}
"""By kind, how a value ({1}) joins other words; those of the other kinds stand before them."""
_FORM = "Design type"
"""What is better joined behind it than behind a topic, which may be half of a compound: "birthday card for Zoë"."""
_ORDER = tuple(dict.fromkeys((_BEFORE, *_JOINED.values(), _AT, _NAMED, _SHOWS)))
"""Who joins first stands next to the words."""
_WORD = re.compile(rf"{AGE.pattern}|\S+(?: & \S+)*", re.IGNORECASE)
"""A word, or such as belong together: "5 year old", "Smith & Sons"."""
_ACTION = re.compile(r"\w \w+ing$")
"""A verb behind who does it; behind it the student says what it is done to."""
_NUMBER = re.compile(r"(?<!\w)\d+(?!\w)")
"""A number is joined too: students were taught many, and write whichever they like."""
_NOTHING = FILLERS | frozenset("dr jr mr mrs ms mt sr st".split())
"""Words that say nothing by themselves."""
_STAND_INS = ("scene", "design", "view")
"""What untaught values are joined to where the task's own word is banned."""
_PLAIN = re.compile(r"\w[\w'& -]*")
"""Kept terms that can be joined to words; what is stranger stands by itself."""


@dataclass(frozen=True)
class Wording:
    """A request in words that the student was taught."""

    intents: Intents
    terms: tuple[KeptTerm, ...]
    """What its text must hold."""
    wishes: tuple[str, ...]
    """Kept terms of which it shall speak by itself."""


@dataclass(frozen=True)
class Insistence:
    """What a student must write though it was taught it, for it leaves it out otherwise."""

    values: Collection[str] = ()
    aside: bool = False
    """Whether kept terms are joined to others too, as those are that it was not taught."""
    linked: Phrase = field(default_factory=Phrase)
    """All intents as their writer linked them. Where all of it was taught, it is written so, and not joined by kind: a
    cat is asleep on a windowsill, not with one."""


def reword(
    intents: Intents,
    keep: Sequence[KeptTerm],
    student: Student,
    room: int,
    stand_in: str | None = None,
    insisted: Insistence | None = None,
    banned: Callable[[str], str | None] = lambda _: None,
) -> Wording:
    """Return a request in words that the student was taught, and what these become in its text.

    Args:
        intents: what is wished for. Untaught values are joined to taught ones, as far as there is room.
        keep: what the text must hold in any case.
        student: who is asked.
        room: most words of such joined texts.
        stand_in: what untaught values are joined to if the student was taught nothing else that they could be.
        insisted: what it must write as well, though it was taught it.
        banned: returns which banned term a text says, or None.

    Raises:
        UsageError: if all that an untaught wish could be joined to is banned.
    """
    insisted = insisted or Insistence()
    said = [_taught(intent.value, lambda text: not _NUMBER.search(text) and student.knows(text)) for intent in intents]
    anchors = [place for place, intent in enumerate(intents) if said[place] and intent.kind in _ANCHORS]
    if not anchors and not all(said) and stand_in is not None and student.knows(stand_in):
        stand_in = _standing_in(stand_in, intents[said.index("")], student, banned)
        found = reword((*intents, Intent("Topic", stand_in)), keep, student, room, None, insisted, banned)
        if any(term.joined and stand_in in term.spoken and term.written != term.spoken for term in found.terms):
            return found
    anchors.sort(key=lambda place: _ANCHORS.index(intents[place].kind))
    strange = [term for term in keep if not student.writes(term.spoken)]
    values = [_with_terms(intent.value, strange) for intent in intents]
    apart = [term for term in keep if term not in strange or not any(_holds(value, term) for value in values)]
    named = [term for term in apart if insisted.aside or _is_name(term, student)] if anchors else []
    named = [term for term in named if _PLAIN.fullmatch(term.spoken)]
    firm = {place for place, intent in enumerate(intents) if said[place] and intent.value in insisted.values}
    joining = _Joining(intents, said, values, anchors, firm, room, (*strange, *named), banned)
    told = (_as_taught(value, text, student) for value, text in zip(values, said, strict=True))
    linked = insisted.linked if all(told) and student.knows(str(insisted.linked)) else Phrase()
    joining.join_all([term.written for term in named], linked)
    own = [_shortened(term, student) for term in apart if term not in named]
    # Students were taught that there is a topic.
    untold = not any(text and intent.kind == "Topic" for text, intent in zip(said, intents, strict=True))
    kinds = ["Topic" if untold and place in anchors[:1] else intent.kind for place, intent in enumerate(intents)]
    asked = said if anchors else [text or intent.value for text, intent in zip(said, intents, strict=True)]
    return Wording(
        tuple(Intent(kind, value) for kind, value in zip(kinds, asked, strict=True) if value),
        (*own, *joining.terms()),
        tuple(term.spoken for term in own if student.knows(term.spoken)),
    )


@dataclass
class _Joining:
    """What a student's words become, by the place of their intent."""

    intents: Intents
    said: Sequence[str]
    """What the student was taught of each intent."""
    values: Sequence[str]
    """What the text must have of it."""
    anchors: Sequence[int]
    """Places to which others are joined, the best first."""
    firm: Collection[int]
    """Places of what the student must write."""
    room: int
    kept: Sequence[KeptTerm]
    banned: Callable[[str], str | None]

    def __post_init__(self) -> None:
        self.texts: dict[int, tuple[str, str]] = {}
        """What the student writes, and what the text has instead."""
        self.first: int | None = None
        """The place whose words the text begins with."""
        self.begun = Phrase()
        """These words, and what joins them behind."""

    def join_all(self, names: Sequence[str], linked: Phrase) -> None:
        """Let every value be said that the student would not say by itself, in linked words if any, and these names."""
        form = next((place for place in self.anchors if self.intents[place].kind == _FORM), None)
        topic = next((place for place in self.anchors if self.intents[place].kind == "Topic"), None)
        whole: tuple[int, ...] = ()
        if linked.parts and self._begin(linked, form):
            whole = tuple(range(len(self.intents)))
        elif self.firm and form is not None and topic is not None:
            # "birthday card" in one, and what is insisted on behind it
            whole = (topic, form)
            told, written = (" ".join(texts[place] for place in whole) for texts in (self.said, self.values))
            self._join(form, "{1}", written, told)
        lone = [(_NAMED, name, "") for name in names]
        for place, (intent, value, told) in enumerate(zip(self.intents, self.values, self.said, strict=True)):
            if place in whole:
                continue
            if not told or (place in self.firm and place not in self.anchors[:1]):
                lone.append((self._unbanned(_pattern(intent), told), value, told))
            elif place in self.firm:
                self._join(place, "{1}", value, told)
            elif told != value:
                self._join(place, "{1}", value)
        for pattern, value, told in sorted(lone, key=lambda each: _ORDER.index(each[0])) if self.anchors else ():
            self._join(self._anchor(pattern, form, bool(whole)), pattern, value, told)

    def _begin(self, linked: Phrase, form: int | None) -> bool:
        """Let the text begin with all values in these words, and return whether it may."""
        words = str(linked)
        if self.anchors and count_words(words) <= self.room and not self.banned(words):
            self._join(self.anchors[0] if form is None else form, "{1}", words, words)
            self.begun = linked
        return bool(self.texts)

    def _unbanned(self, pattern: str, told: str) -> str:
        """Return this way of joining, or if its word is banned one that needs none; no text begins with commas."""
        if not self.banned(pattern.format("", "")):
            return pattern
        return _BEFORE if told else _NAMED

    def _anchor(self, pattern: str, form: int | None, whole: bool) -> int:
        """Return the place whose words others are joined to in this way."""
        if form is not None and (pattern != _BEFORE or whole):
            return form
        first, *others = self.anchors
        acts = not whole and first in self.firm and _ACTION.search(self.values[first]) and pattern != _BEFORE
        return others[0] if acts and others else first

    def _join(self, place: int, pattern: str, value: str, told: str = "") -> None:
        """Let the words of a place be joined by a value, which the text begins with if the student is told to write it.

        A value without a kept term is joined only if there is room, and if nothing banned is said where words meet.
        """
        before = self.texts.get(place, (self.said[place], self.said[place]))
        own, text = (each.removesuffix(",") for each in before)
        written = pattern.format(text, value)
        cost = count_words(written) - (count_words(text) if place in self.texts else 0)
        fits = cost <= self.room and not self.banned(written)
        if fits or any(_holds(written, term) for term in self.kept):
            self.texts[place] = (pattern.format(own, told) if told else own, written)
            self.room -= cost
            if told and self.first is None:
                self.first, self.begun = place, Phrase((own if "{0}" in pattern else told,))
            if told and place == self.first and pattern.startswith("{0} "):
                self.begun = replace(self.begun, parts=(*self.begun.parts, pattern.format("", told)))

    def terms(self) -> list[KeptTerm]:
        """Return what the text must hold."""
        return [
            KeptTerm(written, spoken, joined=True, first=self.begun if place == self.first else None)
            for place, (spoken, written) in self.texts.items()
        ]


def _standing_in(usual: str, intent: Intent, student: Student, banned: Callable[[str], str | None]) -> str:
    """Return what an untaught intent is joined to where the student knows nothing of a wish, `usual` if it may be.

    Raises:
        UsageError: if it is banned, and all that could be taken instead as well.
    """
    known = [word for word in (usual, *_STAND_INS) if student.knows(word)]
    found = next((word for word in known if not banned(word)), None)
    if found is None:
        words = ", ".join(map(repr, known))
        raise UsageError(
            f"the intent '{intent}' can't be expressed: this student was not taught it, and what it could be joined to "
            f"is banned ({words}); allow one of these, or wish for something that it knows",
            "ban",
        )
    return found


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


def _as_taught(value: str, taught: str, student: Student) -> bool:
    """Return whether a student can be begun with a value as it is: then it has no say in numbers."""
    numbered = _NUMBER.search(value) and '"' not in value and value == without_accents(value)
    return value == taught or (bool(numbered) and student.knows(value))


def _says_nothing(word: str) -> bool:
    return _NOTHING.issuperset(terms(word))


def _with_terms(value: str, strange: Sequence[KeptTerm]) -> str:
    """Return a value with kept terms that stand in it as they must appear."""
    for term in strange:
        value = re.sub(rf"(?<!\w){re.escape(term.spoken)}(?!\w)", term.written.replace("\\", r"\\"), value)
    return value


def _holds(text: str, term: KeptTerm) -> bool:
    """Return whether a kept term stands in a text as it must appear, and not within a word."""
    return re.search(rf"(?<!\w){re.escape(term.written)}(?!\w)", text) is not None


def _pattern(intent: Intent) -> str:
    if intent.value.casefold() in HOURS:
        return _AT
    if intent.kind == "Style" and is_medium(intent.value.split()):
        return _SHOWS
    named = (intent.kind == "Scene object" and intent.value[0].isupper()) or CAMERA.fullmatch(intent.value)
    return _NAMED if named else _JOINED.get(intent.kind, _BEFORE)


def _is_name(term: KeptTerm, student: Student) -> bool:
    """Return whether a kept term is a name that the student was not taught."""
    return not student.writes(term.spoken) and (
        not _taught(term.spoken, student.writes) or all(word[0].isupper() for word in term.spoken.split())
    )


def _shortened(term: KeptTerm, student: Student) -> KeptTerm:
    """Return a kept term of which the student writes what it was taught: "photo" becomes "cinematic photo"."""
    return replace(term, spoken=_taught(term.spoken, student.writes) or term.spoken)
