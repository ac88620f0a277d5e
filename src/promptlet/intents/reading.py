"""Reading a wish in free words: "serene mountain lake at golden hour" is a topic, a mood and a lighting.

Students are taught typed intents, so a sentence that is handed to them whole as a topic is lost on them. What the graph
knows by name gets its kind; what it does not know stays together as its writer put it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from promptlet.intents.graph import load_graph
from promptlet.intents.mentions import Mentions
from promptlet.lemmas import stems
from promptlet.types import MAX_INTENTS, Intent, Intents

_PLAIN = 2
"""Words up to which a wish is a topic as it stands."""
_PIECE = re.compile(
    r"\b(?:St|Mt|Dr|Mr|Mrs|Ms|Jr|Sr)\."
    r"|[^\W_]+(?:['\u2019_-]{1,2}[^\W_]+)*(?:(?<=s)['\u2019](?=\s+\w))?"  # the owners' dog
    r"|[^\s'\"\u2018-\u201f]"
)
"""A word or a mark; quotes say nothing."""
FILLERS = frozenset(
    (
        "a an the this that these those some his her its their my our your and or of in on at to from with without by "
        "as into onto over under above below behind before beside between near through across along around against "
        "while during where when who which is are was were be being has have there it very for"
    ).split()
)
"""Words that end one thing and begin another."""
_LONGEST_NAME = 5
"""Words of a name that has fillers in it: "shallow depth of field"."""
_FOR = ("Audience", "Occasion")
"""Kinds that are meant only behind "for": a woman in a picture is no audience."""
_HOW = ("Style", "Lighting", "Composition", "Mood", "Typography", "Tone", "Design type")
"""Kinds of words that stand before or behind a thing and say how it is shown. A colour belongs to its thing."""
_WHAT = ("Topic", "Scene object", "Setting")
_THING = "Scene object"


def read_wish(text: str, kinds: Sequence[str]) -> Intents:
    """Return what a text wishes for, its topic first, in the words of the text.

    Args:
        text: free words.
        kinds: those of the task; a word of another kind is a thing like any other.
    """
    if len(_PIECE.findall(text)) <= _PLAIN:
        return (Intent("Topic", text),)
    found = [intent for words, behind in _pieces(text) for intent in _read(words, behind == "for", kinds)]
    found = list(dict.fromkeys(found)) or [Intent("Topic", text)]
    # What is named first is mostly what the others are about.
    topic = next((each for each in found if each.kind in _WHAT), found[0])
    others = [each if each.kind != "Topic" else Intent(_THING, each.value) for each in found if each != topic]
    kept, rest = others[: MAX_INTENTS - 2], others[MAX_INTENTS - 2 :]
    if rest:  # nothing that was written is lost
        kept.append(Intent(_THING, " ".join(each.value for each in rest)))
    return (Intent("Topic", topic.value), *kept)


def _pieces(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each thing, and what stands before them."""
    words: list[str] = []
    before, rest = "", _PIECE.findall(text)
    while rest:
        piece = rest[0].casefold()
        between = not piece[0].isalnum() or piece in FILLERS
        size = 0 if between else _size_of_name(rest)
        if size or between:
            if words:
                yield words, before
                words, before = [], ""
            if size:
                yield rest[:size], before
                before = ""
            # An article between "for" and its noun changes nothing.
            elif not (before == "for" and piece.isalpha()):
                before = piece
        else:
            words.append(rest[0])
        del rest[: size or 1]
    if words:
        yield words, before


def _size_of_name(pieces: Sequence[str]) -> int:
    """Return how many words of the beginning are a name that has fillers in it, or 0."""
    for size in range(min(_LONGEST_NAME, len(pieces)), 2, -1):
        inner = FILLERS.intersection(map(str.casefold, pieces[1 : size - 1]))
        if inner and _mentions().named(stems(" ".join(pieces[:size]))):
            return size
    return 0


def _read(words: list[str], behind_for: bool, kinds: Sequence[str]) -> Iterator[Intent]:
    """Yield the intents of words that belong together."""
    any_kind = (*_WHAT, *(kind for kind in kinds if kind not in _FOR))
    if kind := _kind(words, (*_FOR, *any_kind) if behind_for else any_kind, kinds):
        yield Intent(kind, " ".join(words))
        return
    for size in range(len(words) - 1, 0, -1):
        if kind := _kind(words[:size], _HOW, kinds):
            yield Intent(kind, " ".join(words[:size]))
            yield from _read(words[size:], behind_for, kinds)
            return
        if kind := _kind(words[-size:], _HOW, kinds):
            yield from _read(words[:-size], behind_for, kinds)
            yield Intent(kind, " ".join(words[-size:]))
            return
    # "tiny red fox" is what its last words are.
    ends = (_kind(words[first:], _WHAT, kinds) for first in range(1, len(words)))
    yield Intent(next(filter(None, ends), _THING), " ".join(words))


def _kind(words: Sequence[str], wanted: Sequence[str], kinds: Sequence[str]) -> str | None:
    """Return the first of the wanted kinds that words of these stems have in the graph, and that the task has."""
    text = " ".join(words)
    named = _mentions().named(stems(text))
    # "graduation" is an occasion, though "graduates" has the same stem.
    same = [intent for intent in named if intent.value.casefold() == text.casefold()]
    found = {intent.kind for intent in same or named}
    return next((kind for kind in wanted if kind in found and kind in kinds), None)


@cache
def _mentions() -> Mentions:
    return Mentions(load_graph())
