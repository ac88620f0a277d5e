"""Free text of several lines, as lists and notes are pasted: each line says something of its own.

Prose that was wrapped is no list: its lines end where the next word had no room, in the middle of a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from promptlet.intents.phrasing import FILLERS, NOT

_BULLET = re.compile(r"(?:[-*+\u2022\u2023\u2013\u2014\u00b7>]|#{1,6}|\[[ x]?\])\s+|[-\u2022\u2023\u00b7](?=[^\W\d_])")
_NUMBER = re.compile(r"\(?\d{1,2}[.)]\s+(?=\D)")
_BOLD = re.compile(r"(\*\*|__)(?=\S)((?:(?!\1).)+)(?<=\S)\1")
_BEGINNINGS = frozenset("a an the this that these those some his her its their my our your there i we please".split())
"""Fillers that a line may begin with without going on with the one before it."""
_OPEN = frozenset(
    "a an the my our your its their of in on at to from with by as into onto and or nor for which who very".split()
).union(NOT)
"""Words that no phrase ends with: the next line goes on."""
_STOPS = (".", "!", "?")
_SENTENCE = re.compile(r"[.!?](?:\s|$)")
_NARROWEST, _RAGGED = 24, 0.8
"""Characters to which prose is wrapped at least, and the share of its width that a line fills with the next word."""


def on_one_line(text: str) -> str:
    """Return a text on one line, with semicolons where lines end, and without the marks of lists and bold letters.

    A line that begins like "with a red hat" goes on with the one before it, and so do the lines of wrapped prose.
    """
    lines = [line for raw in text.splitlines() if (line := raw.strip())]
    several, wrapped = len(lines) > 1, _is_wrapped(lines)
    joined = ""
    for raw in lines:
        line = _BOLD.sub(r"\2", raw)
        line = _BULLET.sub("", line, count=1) if _BULLET.match(line) else line
        line = _NUMBER.sub("", line, count=1) if several and _NUMBER.match(line) else line
        goes_on = joined[-1:] in ",;.:!?" or _is_open(joined) or _begins_within(line) or (wrapped and line[0].islower())
        joined += line if not joined else f"{' ' if goes_on else '; '}{line}"
    return joined


def _is_open(line: str) -> bool:
    return line[line.rfind(" ") + 1 :].casefold() in _OPEN


def _begins_within(line: str) -> bool:
    return line.partition(" ")[0] in FILLERS - _BEGINNINGS


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Return whether lines are prose that was wrapped.

    Each line must be full, which those of lists may be by chance; so there must be a sentence as well, or a line that
    ends or begins within a phrase.
    """
    pairs = [pair for pair in pairwise(lines) if not pair[0].endswith(_STOPS)]
    width = max(map(len, lines), default=0)
    if width < _NARROWEST or any(len(f"{line} {next_.split()[0]}") <= _RAGGED * width for line, next_ in pairs):
        return False
    text = "\n".join(lines)
    sentence, listed = text[0].isupper() and _SENTENCE.search(text), ", " in text
    broken = any(_is_open(line) or (listed and _begins_within(next_)) for line, next_ in pairs)
    return bool(sentence) or broken
