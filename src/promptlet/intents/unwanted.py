"""What shall not be there, as free text lists it: how far a list behind "no" or "without" goes."""

from __future__ import annotations

from collections.abc import Sequence

from promptlet.intents.phrasing import FILLERS, NOT, STYLED

NEGATED = frozenset(
    (
        "any single other more visible show include have add draw want use put contain be too overly really so "
        "wearing wear having showing including containing featuring using"
    ).split()
)
"""Words behind a "no" that are not what shall not be said: "any cars", "don't show cars", "not wearing a hat"."""
_OR, _AND = ("or", "nor"), ("and", "&")
ARTICLES = ("a", "an", "the")
_DETERMINERS = frozenset((*ARTICLES, *"any his her its their my our your".split()))
_UNCOUNTED = frozenset(
    (
        "people men women children text writing lettering grain noise blur light water snow rain fog smoke dust mud "
        "sand grass hair makeup jewelry clothing furniture food traffic vegetation clutter music"
    ).split()
)
"""Words without an "s" that are not one thing, so that "no" stands for no article before them."""
_DONE_AT = ("look", "looks", "stare", "stares")
_ADDED = frozenset("show include have add draw want use put make keep give let".split())
"""Behind an "and" these begin another wish: "without cars and add balloons"."""
_DESCRIBED = ("with", "who", "which", "that", "is", "are", "has", "have")
"""What stands behind somebody new: "a man without a hat and a woman with an umbrella"."""


def is_of_no_thing(pieces: Sequence[str]) -> bool:
    """Return whether a word right behind a "no" is not what shall not be.

    Of "any cars" and "isn't wearing a hat" the cars and the hat are, of "not looking at the camera" the camera.
    """
    word, following = pieces[0].casefold(), "".join(pieces[1:2]).casefold()
    done = word.endswith("ing") and (following in _DETERMINERS or following == "at")
    return word in NEGATED or done or (word in _DONE_AT and following == "at")


def lists_on(pieces: Sequence[str], unwanted: Sequence[Sequence[str]], negator: str, articled: bool) -> bool:
    """Return whether what stands behind an "or", "and" or comma shall not be either, as what stands before it.

    "No windows, doors or furniture" is a list, and so is "no cats, dogs and birds". Behind "without cars" come "and
    with balloons", "and a sunny day", "and a woman with a hat" and ", a sunny day", and none of them is; neither is
    "no people, blue sky and white sand", whose things are described as what is wished for is. A thing with an article
    mostly begins another wish; it is of a list that ends in ", or", or in "or a" if the first has an article as well,
    or has "no" in its place: "no bed, a chair or a table".

    Args:
        pieces: the words from there on, in small letters.
        unwanted: the words of each thing of the list until there.
        negator: the word that the list began behind.
        articled: whether the first of them has an article.
    """
    if pieces[0] in _AND:
        return _is_of_list(pieces[1:], articled)
    if pieces[0] == ",":
        single = articled or (negator == "no" and _is_one(unwanted[0][-1].casefold()))
        return _is_closed(pieces[1:], unwanted, articled, single)
    return pieces[0] in _OR


def _is_one(noun: str) -> bool:
    return noun not in _UNCOUNTED and (not noun.endswith("s") or noun.endswith(("ss", "us", "is")))


def _is_closed(pieces: Sequence[str], unwanted: Sequence[Sequence[str]], articled: bool, single: bool) -> bool:
    """Return whether an "or" or "and" closes the list that goes on behind a comma; `single`: of one thing at first."""
    sizes, determined = [0], False
    for place, piece in enumerate(pieces):
        ahead, following = pieces[place - 1] if place else ",", "".join(pieces[place + 1 : place + 2])
        if piece in _DETERMINERS and ahead == ",":
            determined = True
        elif piece in _OR:
            return not determined or ahead == "," or piece == "nor" or (single and following in _DETERMINERS)
        elif piece in _AND:
            listed = not determined and (bool(sizes[0]) or len(unwanted) > 1)  # "no cats, and dogs" is none
            return listed and max(sizes) <= len(unwanted[0]) and _is_of_list(pieces[place + 1 :], articled)
        elif _begins_other(piece):
            return False
        else:
            sizes = [*sizes, 0] if piece == "," else [*sizes[:-1], sizes[-1] + 1]
    return False


def _begins_other(piece: str) -> bool:
    return piece in FILLERS or piece in (*NOT, STYLED, "but") or not (piece == "," or piece[0].isalnum())


def _is_of_list(pieces: Sequence[str], articled: bool) -> bool:
    """Return whether what stands behind an "and" is of the same list as what shall not be before it."""
    first = "".join(pieces[:1])
    if articled and first in ARTICLES:  # "without a hat and a coat"
        behind = next((piece for piece in pieces[1:] if piece in FILLERS or not piece[0].isalnum()), "")
        return behind not in _DESCRIBED
    return first[:1].isalnum() and first not in _ADDED and not _begins_other(first)
