"""The word-count command: ``<|19|>`` asks for nineteen words.

A word is what `str.split()` gives; that definition reproduces both counts of the paper's Table 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

from promptlet.commands.base import Command
from promptlet.errors import UsageError
from promptlet.types import Sample

LOWEST, HIGHEST = 1, 64
"""The counts that have a token; a student declares the part of them that it was trained on."""

_MAX_WORD_CHARACTERS = 24
# A word is letters and digits, joined by at most one mark at a time, perhaps in quotes or brackets, with at most one
# mark behind. So no lone dash counts as a word, no text stops at a comma, and there is no way to fill up with dots.
_GRAMMAR = r"""
root ::= " " {words}last
word ::= [("']? core [)"'%]? [,.;:!?]?
last ::= [("']? core [)"'%]? [.!?]?
core ::= letter ([-'&/+.:]? letter){{0,{joined}}}
letter ::= [A-Za-z0-9\u00C0-\u1FFF]
"""


def count_words(text: str) -> int:
    """Return the number of words: the one place that counts them."""
    return len(text.split())


class Words(Command):
    """How many words a prompt has, from `low` to `high`."""

    name = "words"

    def __init__(self, low: int = LOWEST, high: int = HIGHEST) -> None:
        if not (LOWEST <= low <= high <= HIGHEST):
            raise UsageError(f"words from {low} to {high} can't be commanded; allowed: {LOWEST} to {HIGHEST}")
        self.low, self.high = low, high

    @classmethod
    def make(cls, settings: Mapping[str, Any]) -> Self:
        unknown = set(settings) - {"low", "high"}
        if unknown:
            raise UsageError(f"unknown setting '{min(unknown)}' of the command words (known: low, high)")
        if not all(isinstance(value, int) for value in settings.values()):
            raise UsageError(f"the settings {dict(settings)} of the command words are not whole numbers")
        return cls(**settings)

    def settings(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}

    def values(self) -> range:
        return range(self.low, self.high + 1)

    def measure(self, sample: Sample) -> int:
        return count_words(sample.prompt)

    def tokens(self) -> list[str]:
        return [self.encode(count) for count in range(LOWEST, HIGHEST + 1)]

    def encode(self, value: int) -> str:
        assert LOWEST <= value <= HIGHEST, value
        return f"<|{value}|>"

    def parse(self, raw: object) -> range:
        match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", str(raw))
        if match is None:
            raise UsageError(f"words '{raw}' is neither a number nor a range; allowed: 19 or 10-20")
        low = int(match[1])
        high = int(match[2] or low)
        if low > high:
            raise UsageError(f"words '{raw}' runs backwards; did you mean {high}-{low}?")
        if low < self.low or high > self.high:
            raise UsageError(f"words '{raw}' is out of this student's range; allowed: {self.low} to {self.high}")
        return range(low, high + 1)

    def score(self, wanted: range, sample: Sample) -> int:
        count = count_words(sample.prompt)
        return min(0, count - wanted[0]) or max(0, count - wanted[-1])

    def grammar(self, value: int) -> str:
        inner = f'(word " "){{{value - 1}}} ' if value > 1 else ""
        return _GRAMMAR.format(words=inner, joined=_MAX_WORD_CHARACTERS - 1)


COMMAND = Words
