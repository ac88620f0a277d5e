"""What shall not be there, as free text lists it: how far a list behind "no" or "without" goes."""

from __future__ import annotations

from collections.abc import Sequence

from promptlet.intents.phrasing import FILLERS, NOT

NEGATED = frozenset(
    (
        "any single other more visible show include have add draw want use put contain be too "
        "wearing wear having showing including containing featuring using"
    ).split()
)
"""Words behind a "no" that are not what shall not be said: "any cars", "don't show cars", "not wearing a hat"."""
_OR, _AND = ("or", "nor"), ("and", "&")
ARTICLES = ("a", "an", "the")
_ADDED = frozenset("show include have add draw want use put make keep give let".split())
"""Behind an "and" these begin another wish: "without cars and add balloons"."""
_DESCRIBED = ("with", "who", "which", "that", "is", "are", "has", "have")
"""What stands behind somebody new: "a man without a hat and a woman with an umbrella"."""


def is_of_no_thing(pieces: Sequence[str]) -> bool:
    """Return whether a word right behind a "no" is not what shall not be: "any cars", "isn't wearing a hat"."""
    word, following = pieces[0].casefold(), "".join(pieces[1:2]).casefold()
    return word in NEGATED or (word.endswith("ing") and following in ARTICLES)


def lists_on(pieces: Sequence[str], unwanted: Sequence[Sequence[str]], articled: bool) -> bool:
    """Return whether what stands behind an "or", "and" or comma shall not be either, as what stands before it.

    "No windows, doors or furniture" is a list, and so is "no cats, dogs and birds". Behind "without cars" come "and
    with balloons", "and a sunny day", "and a woman with a hat" and ", a sunny day", and none of them is; neither is
    "no people, blue sky and white sand", whose things are described as what is wished for is.

    Args:
        pieces: the words from there on, in small letters.
        unwanted: the words of each thing of the list until there.
        articled: whether the first of them has an article.
    """
    if pieces[0] in _AND:
        return _is_of_list(pieces[1:], articled)
    if pieces[0] != ",":
        return pieces[0] in _OR
    sizes = [0]
    for place, piece in enumerate(pieces[1:], start=2):
        if piece in _AND:
            listed = bool(sizes[0]) or len(unwanted) > 1  # "no cats, and dogs" is none
            return listed and max(sizes) <= len(unwanted[0]) and _is_of_list(pieces[place:], articled)
        if piece in _OR or _begins_other(piece):
            return piece in _OR
        sizes = [*sizes, 0] if piece == "," else [*sizes[:-1], sizes[-1] + 1]
    return False


def _begins_other(piece: str) -> bool:
    return piece in FILLERS or piece in NOT or piece == "but" or not (piece == "," or piece[0].isalnum())


def _is_of_list(pieces: Sequence[str], articled: bool) -> bool:
    """Return whether what stands behind an "and" is of the same list as what shall not be before it."""
    first = "".join(pieces[:1])
    if articled and first in ARTICLES:  # "without a hat and a coat"
        behind = next((piece for piece in pieces[1:] if piece in FILLERS or not piece[0].isalnum()), "")
        return behind not in _DESCRIBED
    return first[:1].isalnum() and first not in _ADDED and not _begins_other(first)
