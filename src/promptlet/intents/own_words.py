"""A wish as its writer linked its parts: a cat is asleep *on* a windowsill, which typed intents do not tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from promptlet.intents.describing import is_medium
from promptlet.intents.phrasing import LINKS
from promptlet.intents.reading import HOURS

_LINK = re.compile(rf",? (?:(?:{'|'.join(sorted(LINKS))}) )*", re.IGNORECASE)
_GOES_ON = frozenset("a an the and or nor this that these those some his her its their my our your".split())
"""Behind these words alone stands more of what came before; any other link begins what is said of it."""
_WHERE = frozenset(
    "above across against along around at before behind below beside between by during in near on over through "
    "under".split()
)
"""Words that begin what may stand before a thing as well as behind it: "at dawn, a red fox"."""
_TIMES = HOURS | frozenset("spring summer autumn winter morning afternoon evening".split())
_DOING = re.compile(r"\w \w+ing\b")
"""A verb behind who does it. Where it is done belongs to it, and without that the student goes on with it as it likes:
"on the beach, two kids building a sandcastle into deep water"."""
_ITS = re.compile(r"\b(?:his|her|its|their|it|which|that)\b")
"""What speaks of a thing that must be named before."""
_ARTICLE = re.compile(r"(?<!\S)an? $", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that say what something is, and what is said of it."""

    parts: tuple[str, ...] = ()
    """What it is, and each thing that is said of it behind that, with its preposition: "red fox", " in the snow"."""
    article: str = ""
    """"a" or "an", if that stands before it."""
    places: int = 0
    """How many of the last parts may stand before all others: where and when it is."""

    def __str__(self) -> str:
        return "".join(self.parts)


def in_own_words(text: str, values: Sequence[str], instead: Sequence[str]) -> Phrase:
    """Return what a text says from the first to the last of some values, nothing if more than links is between them.

    Args:
        text: free words, as they were written.
        values: those of the intents that were read in it.
        instead: for each value, what is to stand in its place: the same in the student's case and spelling.
    """
    places = []
    for value, other in zip(values, instead, strict=True):
        found = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)
        if not found:
            return Phrase()
        places.append((*found.span(), other))
    places.sort()
    parts: list[str] = []
    end = 0
    for start, after, other in places:
        link = "" if not parts else text[end:start].lower() if start > end else "-"
        if link and not _LINK.fullmatch(link):
            return Phrase()
        if parts and _GOES_ON.issuperset(link.strip("-, ").split()):
            parts[-1] += link + other
        else:
            parts.append(link + other)
        end = after
    article = _ARTICLE.search(text[: places[0][0]])
    return Phrase(tuple(parts), article[0].strip().lower() if article else "", _places(parts))


def _places(parts: Sequence[str]) -> int:
    """Return how many last parts say where or when the first one is.

    A tree with a swing *on a branch*: behind "with" only a time is surely said of the tree. A flyer for a picnic *at
    noon*, a photo of a cat *in the snow*: here not even that.
    """
    about, *others = parts
    words = [part.split() for part in others]
    if any(first == "for" for first, *_ in words) or is_medium(about.split()) or _DOING.search(about):
        return 0
    count, plain = 0, True
    for part, (first, *_, last) in zip(others, words, strict=True):
        moves = first in _WHERE and "," not in part and not _ITS.search(part)
        count = count + 1 if moves and (plain or last in _TIMES) else 0
        plain = plain and (first in _WHERE or first == "of")
    return count
