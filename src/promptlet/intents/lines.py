"""Free text of several lines, as lists and notes are pasted: each line says something of its own."""

from __future__ import annotations

import re

from promptlet.intents.phrasing import FILLERS

_BULLET = re.compile(r"(?:[-*+\u2022\u2023\u2013\u2014\u00b7>]|#{1,6}|\[[ x]?\])\s+|[-\u2022\u2023\u00b7](?=[^\W\d_])")
_NUMBER = re.compile(r"\(?\d{1,2}[.)]\s+(?=\D)")
_BOLD = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_BEGINNINGS = frozenset("a an the this that these those some his her its their my our your there i we please".split())
"""Fillers that a line may begin with without going on with the one before it."""


def on_one_line(text: str) -> str:
    """Return a text on one line, with semicolons where lines end, and without the marks of lists and bold letters.

    A line that begins like "with a red hat" goes on with the one before it.
    """
    lines = [line for raw in text.splitlines() if (line := raw.strip())]
    several = len(lines) > 1
    joined = ""
    for raw in lines:
        line = _BOLD.sub(r"\2", raw)
        line = _BULLET.sub("", line, count=1) if _BULLET.match(line) else line
        line = _NUMBER.sub("", line, count=1) if several and _NUMBER.match(line) else line
        first = line.partition(" ")[0]
        goes_on = joined[-1:] in ",;.:!?" or first in FILLERS - _BEGINNINGS
        joined += line if not joined else f"{' ' if goes_on else '; '}{line}"
    return joined
