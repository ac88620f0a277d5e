"""Reading a wish in free words: "serene mountain lake at golden hour" is a topic, a mood and a lighting.

Students are taught typed intents, so a sentence that is handed to them whole as a topic is lost on them. What the graph
knows by name gets its kind; what it does not know stays together as its writer put it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from promptlet.errors import UsageError
from promptlet.intents.describing import MANNER, describes, is_medium, style_of_name
from promptlet.intents.graph import load_graph
from promptlet.intents.mentions import Mentions
from promptlet.intents.phrasing import FILLERS, NOT, STYLED, negates, plainly
from promptlet.intents.techniques import CAMERA, load_techniques
from promptlet.intents.unwanted import ARTICLES, is_of_no_thing, lists_on
from promptlet.stemming import stems
from promptlet.types import KIND_ALIASES, KINDS, MAX_INTENTS, Intent, Intents

_PLAIN = 2
"""Words up to which a wish is a topic as it stands."""
_PIECE = re.compile(
    r"\"[^\"]+\""
    r"|[$\u00a3\u20ac]\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*%"  # $19.99, 50%
    r"|\bf/\d+(?:\.\d+)?|\bC(?:\+\+|#)"
    r"|\b(?:St|Mt|Dr|Mr|Mrs|Ms|Jr|Sr)\."
    r"|\b[A-Z]\.(?:[A-Z]\.)+"  # U.S.
    r"|\d+(?:[.,:/]\d+)+"  # 1,000 or 16:9
    r"|[^\W_]+(?:&[^\W_]+)+"  # AT&T
    r"|[A-Z][\w'-]*(?: & [A-Z][\w'-]*)+"  # Smith & Sons
    r"|[^\W_]+(?:['\u2019_-]{1,2}[^\W_]+)*(?:(?<=s)['\u2019](?=\s+\w))?"  # the owners' dog
    r"|[^\s'\"\u2018-\u201f]"
)
"""A word, a mark, or a quotation."""
SAYING = ("say", "says", "saying", "reads", "reading")
"""Words that end one thing and begin another, if a quotation follows; else somebody reads a book."""
_LONGEST_NAME = 5
"""Words of a name that has fillers in it: "shallow depth of field"."""
_FOR = ("Audience", "Occasion")
"""Kinds that are meant only behind "for": a woman in a picture is no audience."""
_HOW = ("Style", "Lighting", "Composition", "Mood", "Typography", "Tone", "Design type")
"""Kinds of words that stand before or behind a thing and say how it is shown. A colour belongs to its thing."""
_MEDIUM = "medium of"
"""What stands before a thing that says as what another one is shown: the "photo" of "photo of a fox"."""
_MASS = ("Color", "Material")
"""Kinds whose names have no plural."""
_KINDS = frozenset(map(str.casefold, (*KINDS, *KIND_ALIASES)))
_ENDS = re.compile(rf"[,;|]|(?<=\.)\s+(?=(?:{'|'.join(_KINDS)})\s*:)", re.IGNORECASE)
"""What parts typed intents."""
_WHAT = ("Topic", "Scene object", "Setting")
AGE = re.compile(r"\d+[ -]years?[ -]olds?", re.IGNORECASE)
"""An audience that no list of names holds."""
OBVIOUS = ("template", "templates", "something", "anything", "smth")
"""What is asked for in any case: a "menu template" is a menu, and "something cozy with a cat" is the cat."""
HOURS = frozenset("dawn daybreak dusk midday midnight night nightfall noon sunrise sunset twilight".split())
"""Of light, though the graph has them only in longer names."""
_THING = "Scene object"
_PLACES = ("in", "at", "near", "of")
"""Behind these a name that the graph does not know is taken for a place."""
_ARTICLE = re.compile(r"(?:an?|the) (?=\w)|(?:An?|The) (?=[a-z\d])|(?:AN?|THE) (?=[A-Z]{2})")
"""Before a short wish; "The Hague" keeps it."""


@dataclass(frozen=True)
class Reading:
    """What a text wishes for."""

    intents: Intents
    """In the words of the text, the topic first."""
    without: tuple[str, ...] = ()
    """What shall not be said: "people" in "an empty beach without people"."""


def read_text(text: str, kinds: Sequence[str]) -> Reading:
    """Return what a text wishes for.

    Args:
        text: free words, or intents as they are printed: ``Topic: birthday, Scene object: balloon``; semicolons,
            bars and full stops part them too.
        kinds: those of the task; a word of another kind is a thing like any other.

    Raises:
        UsageError: for a text that only says what shall not be there, or an intent that is not allowed.
    """
    typed, rest = _typed(text)
    if typed and not rest:
        return Reading(typed)
    plain = plainly(rest)
    first, *others = _PIECE.findall(plain) or [""]
    if not typed and len(others) < _PLAIN and first.casefold() not in NOT:
        article = _ARTICLE.match(plain)
        return Reading((Intent("Topic", plain[article.end() :] if article else plain),))
    pieces = list(_pieces(plain))
    without = tuple(dict.fromkeys(" ".join(words) for words, behind in pieces if behind in NOT))
    found = [intent for words, behind in pieces if behind not in NOT for intent in _read(words, behind, kinds)]
    if typed:
        same = [Intent(_THING, each.value) if each.kind == "Topic" else each for each in found]
        return Reading(_merged((*typed, *same), MAX_INTENTS), without)
    if not found and without:
        raise only_unwanted(text)
    if not found:
        return Reading((Intent("Topic", text),))
    return Reading(_sorted(found), without)


def only_unwanted(text: str) -> UsageError:
    """Return the error of a text that wishes for nothing."""
    return UsageError(f"'{text}' only says what shall not be there; say what the prompt is about")


def _typed(text: str) -> tuple[Intents, str]:
    """Return the intents of a text that begins with one and its kind, ``Topic: birthday``, and its parts without kinds.

    Raises:
        UsageError: if one of them is not allowed.
    """
    parts = [part.partition(":") for part in _ENDS.split(text)]
    has_kind = [bool(value) and kind.strip().casefold() in _KINDS for kind, _, value in parts]
    if not has_kind[0] or sum(has_kind) > MAX_INTENTS:
        return (), text
    typed = (Intent.of(kind, _unstopped(value)) for (kind, _, value), its in zip(parts, has_kind, strict=True) if its)
    return tuple(typed), ",".join("".join(part) for part, its in zip(parts, has_kind, strict=True) if not its).strip()


def _unstopped(value: str) -> str:
    """Return a value without the full stop of its line; "Washington D.C." keeps what is no such stop."""
    return value.removesuffix(".") if value.count(".") == 1 else value


def _sorted(found: Sequence[Intent]) -> Intents:
    found = list(dict.fromkeys(found))
    found = [each for each in found if each.value.casefold() not in OBVIOUS] or found
    # What is named first is mostly what the others are about.
    things = [each for each in found if each.kind in _WHAT]
    named = (each for each in things if not describes(each.value.split()))
    topic = next(named, next(iter(things), found[0]))
    others = [each if each.kind != "Topic" else Intent(_THING, each.value) for each in found if each != topic]
    return (Intent("Topic", topic.value), *_merged(others, MAX_INTENTS - 1))


def _merged(intents: Sequence[Intent], most: int) -> Intents:
    """Return so many intents at most: what is more becomes one, for nothing that was written is lost."""
    if len(intents) <= most:
        return tuple(intents)
    rest = " ".join(each.value for each in intents[most - 1 :])
    return (*intents[: most - 1], Intent(_THING, rest))


def _pieces(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each thing, and what stands before them."""
    words: list[str] = []
    before = negator = piece = ""
    unwanted: list[list[str]] = []
    """The things of the list that is being read, behind a "no"."""
    articled = False
    """Whether the first of them has an article."""
    rest = _PIECE.findall(text)
    every = tuple(rest)
    while rest:
        ahead, piece = piece, rest[0].casefold()
        mark = len(piece) == 1 and not piece.isalnum()
        saying = piece in SAYING and "".join(rest[1:2]).startswith('"')
        # "a no parking sign" is one thing.
        negating = negates(every, len(every) - len(rest), text) and ahead not in ARTICLES
        contrary = piece == "but" and before in NOT
        between = mark or saying or contrary or negating or piece in (*FILLERS, STYLED)
        if piece == "," and describes(words) and _goes_on(before, rest[1:3]):
            del rest[0]
            continue
        size = 0 if between else _size_of_name(rest)
        if size or between:
            ends = bool(words)
            for thing in filter(None, (words, rest[:size])):
                unwanted = [*unwanted, thing] if before in NOT else []
                shown = piece == "of" and is_medium(thing) and before not in (*NOT, STYLED)
                yield thing, _MEDIUM if shown else before
                before = ""
            words = []
            if size:
                del rest[:size]
                continue
            if ends and unwanted and lists_on(list(map(str.casefold, rest)), unwanted, negator, articled):
                before = NOT[0]
            elif negating:
                before, negator, unwanted, articled = piece, piece, [], False
            # An article between "for" or "without" and its noun changes nothing.
            elif not (before in ("for", STYLED, *NOT) and piece.isalpha()):
                before = piece
            elif not unwanted:
                articled = articled or piece in ARTICLES
        elif words or before not in NOT or not is_of_no_thing(rest):
            words.append(rest[0])
        del rest[0]
    if words:
        yield words, before


def _goes_on(before: str, pieces: Sequence[str]) -> bool:
    """Return whether behind a comma the same thing is described: "a tiny, fluffy kitten"; tags stand between two."""
    several = len(pieces) == 2 and all(each[0].isalnum() and each.casefold() not in (*FILLERS, *NOT) for each in pieces)
    return several and (not before or before[0].isalpha())


def _size_of_name(pieces: Sequence[str]) -> int:
    """Return how many words of the beginning are a name that has fillers in it, or 0."""
    for size in range(min(_LONGEST_NAME, len(pieces)), 2, -1):
        inner = FILLERS.intersection(map(str.casefold, pieces[1 : size - 1]))
        if inner and pieces[size - 1][0].isalnum() and _mentions().named(stems(" ".join(pieces[:size]))):
            return size
    return 0


def _read(words: list[str], behind: str, kinds: Sequence[str]) -> Iterator[Intent]:
    """Yield the intents of words that belong together, and stand behind such a word."""
    text = " ".join(words)
    if behind in (STYLED, _MEDIUM):
        yield from _shown_as(words, behind, kinds)
        return
    if kind := _kind_of_all(words, behind, kinds):
        yield Intent(kind, text)
        return
    yield from _parts(words, behind, kinds)


def _kind_of_all(words: Sequence[str], behind: str, kinds: Sequence[str]) -> str | None:
    """Return the kind of words that are one intent, if it is known."""
    any_kind = (*_WHAT, *(kind for kind in kinds if kind not in _FOR))
    if kind := _kind(words, (*_FOR, *any_kind) if behind == "for" else any_kind, kinds):
        return kind
    text = " ".join(words)
    if "Lighting" in kinds and text.casefold() in HOURS:
        return "Lighting"
    if "Style" in kinds and CAMERA.fullmatch(text):
        return "Style"
    return "Audience" if "Audience" in kinds and behind == "for" and AGE.fullmatch(text) else None


def _parts(words: list[str], behind: str, kinds: Sequence[str]) -> Iterator[Intent]:
    """Yield the intents of words that say of a thing how it is shown, or are one that nobody knows."""
    text = " ".join(words)
    lead = next((place for place, word in enumerate(words) if not describes([word])), 0)
    described = list(_read(words[lead:], behind, kinds)) if lead else []
    if len(described) == 1 and described[0].kind in _HOW and described[0].value.casefold() not in HOURS:
        yield Intent(described[0].kind, text)  # a "stunning aerial view" is one
        return
    for size in range(len(words) - 1, 0, -1):
        if kind := _kind(words[:size], _HOW, kinds):
            end = size + (words[size].casefold() in MANNER)
            yield Intent(kind, " ".join(words[:end]))
            if end < len(words):
                yield from _read(words[end:], behind, kinds)
            return
        if kind := _kind(words[-size:], _HOW, kinds):
            yield from _read(words[:-size], behind, kinds)
            yield Intent(kind, " ".join(words[-size:]))
            return
    if found := style_of_name(words):
        start, end = found
        if others := [*words[:start], *words[end:]]:
            yield from _read(others, behind, kinds)
        yield Intent("Style" if "Style" in kinds else _THING, " ".join(words[start:end]))
        return
    # "tiny red fox" is what its last words are.
    ends = (_kind(words[first:], _WHAT, kinds) for first in range(1, len(words)))
    unknown = "Setting" if behind in _PLACES and all(word[0].isupper() for word in words) else _THING
    yield Intent(next(filter(None, ends), unknown), text)


def _shown_as(words: Sequence[str], behind: str, kinds: Sequence[str]) -> Iterator[Intent]:
    """Yield what a style is, and before it what is of another kind in "calm pencil sketch of"."""
    others = [kind for kind in _HOW if kind != "Style"] if behind == _MEDIUM else []
    other = next((size for size in range(len(words) - 1, 0, -1) if _kind(words[:size], others, kinds)), 0)
    end = other + (other > 0 and words[other].casefold() in MANNER)
    if kind := _kind(words[:other], others, kinds):
        yield Intent(kind, " ".join(words[:end]))
    if end < len(words):
        yield Intent("Style" if "Style" in kinds else _THING, " ".join(words[end:]))


def _kind(words: Sequence[str], wanted: Sequence[str], kinds: Sequence[str]) -> str | None:
    """Return the first of the wanted kinds that words of these stems have in the graph, and that the task has."""
    text = " ".join(words)
    named = _mentions().named(stems(text))
    # "graduation" is an occasion, though "graduates" has the same stem.
    same = [intent for intent in named if intent.value.casefold() == text.casefold()]
    # Nor are woods of wood, and oranges are no colour.
    plural = text.casefold().endswith("s")
    alike = [each for each in named if not (plural and each.kind in _MASS and not each.value.endswith("s"))]
    found = {intent.kind for intent in same or alike}
    return next((kind for kind in wanted if kind in found and kind in kinds), None)


@cache
def _mentions() -> Mentions:
    return Mentions(load_graph(), load_techniques())
