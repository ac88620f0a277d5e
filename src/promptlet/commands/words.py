"""The word-count command: ``<|19|>`` asks for nineteen words.

A word is what `str.split()` gives; that definition reproduces both counts of the paper's Table 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from promptlet.commands.base import Command, Placed
from promptlet.errors import UsageError
from promptlet.stemming import capitalized
from promptlet.types import Sample

LOWEST, HIGHEST = 1, 64
"""The counts that have a token; a student declares the part of them that it was trained on."""

_MARK, _PAUSE, _STOP, _END = "[,.;:!?]?", "[,;:]?", "[.!?]", "[.!?]?"
"""What may stand behind a word; behind one that ends no sentence, and one that does; and behind the last one."""
_SHORTEST_SENTENCE = 5
"""Words of a sentence that begins within a text whose count is enforced. A student that means to be done before would
fill up with sentences of a word ("... in the wind. underneath. He."); so it goes on with the one that it writes. Of the
few texts of the data that have several sentences, 97% end with one of so many words."""
_MAX_WORD_CHARACTERS = 24
# A word is letters and digits, joined by at most one mark at a time, perhaps in quotes or brackets, with at most one
# mark behind. So no lone dash counts as a word, no text stops at a comma, and there is no way to fill up with dots: one
# within a word stands between two digits (f/1.8, 16:9).
# The letters beyond ASCII are U+00C0 to U+1FFF, written out: not every reader of GBNF knows the escapes.
_RULES = rf"""
word ::= bare {_MARK}
last ::= bare {_END}
bare ::= [("']? core [)"'%]?
core ::= part ([-'&/+]? part){{0,{_MAX_WORD_CHARACTERS - 1}}}
part ::= letter | [0-9] [.:] [0-9]
letter ::= [A-Za-z0-9\u00C0-\u1FFF]
""".encode().decode("unicode_escape")


def count_words(text: str) -> int:
    """Return the number of words: the one place that counts them."""
    return len(text.split())


class Words(Command):
    """How many words a prompt has, from `low` to `high`."""

    name = "words"
    ranged = True

    def __init__(self, low: int = LOWEST, high: int = HIGHEST) -> None:
        if not (LOWEST <= low <= high <= HIGHEST):
            raise UsageError(f"words from {low} to {high} can't be commanded; allowed: {LOWEST} to {HIGHEST}")
        self.low, self.high = low, high

    @classmethod
    def make(cls, settings: Mapping[str, Any]) -> Self:
        cls.refuse_unknown(settings, ("low", "high"))
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

    def grammar(self, value: int | None, placed: Sequence[Placed] = (), words_before: int = 0) -> str:
        left = 0 if value is None else value - words_before
        return "\n".join([*_rules(value, list(placed), words_before), *_counted(left)]) + _RULES


def _rules(count: int | None, placed: Sequence[Placed], words_before: int) -> Iterator[str]:
    """Yield the rules of what comes after so many words, if there are any.

    ``at-2-5`` is where two texts are placed and five words are written, those among them.
    """
    if not placed:
        left = None if count is None else count - words_before
        rest = [] if left == 0 else [_behind(left) if words_before else f'" " {_plain(left)}']
        ends = [_END] if words_before and left in (None, 0) else []
        yield f"root ::= {' | '.join(ends + rest)}"
        return
    mark, waiting = (_MARK, "word") if count is None else (_PAUSE, f"bare {_PAUSE}")
    start = f'{mark} " "' if words_before else '" "'
    yield f"root ::= {start} at-0-{words_before}"
    sizes = [count_words(each.text) for each in placed]
    first = latest = words_before
    for index, (each, size) in enumerate(zip(placed, sizes, strict=True)):
        latest = max(latest, each.latest)
        if count is not None:
            latest = min(latest, count - sum(sizes[index:]))
        for written in range(first, latest + 1):
            if index + 1 < len(placed):
                behind = f'{mark} " " at-{index + 1}-{written + size}'
            elif count == written + size:
                behind = _END
            else:
                behind = _behind(None if count is None else count - written - size)
                behind = behind if count is not None else f"({_END} | {behind})"
            wait = f' | {waiting} " " at-{index}-{written + 1}' if written < latest else ""
            yield f"at-{index}-{written} ::= {_literal(each)} {behind}{wait}"
        first, latest = first + size, latest + size


def _plain(count: int | None) -> str:
    """Return what so many words are, or any number of them."""
    return '(word " ")* last' if count is None else f"words-{count}"


def _behind(count: int | None) -> str:
    """Return what comes behind a word that so many others follow, or any number of them."""
    if count is None:
        return f'{_MARK} " " {_plain(None)}'
    on = f'{_PAUSE} " " words-{count}'
    return f'({on} | {_STOP} " " begun-{count})' if count >= _SHORTEST_SENTENCE else on


def _counted(most: int) -> Iterator[str]:
    """Yield the rules of numbers of words: ``words-7`` is seven, and ``begun-7`` seven that begin a sentence."""
    first = _SHORTEST_SENTENCE - 1
    for count in range(1, most + 1):
        yield f"words-{count} ::= {f'bare {_behind(count - 1)}' if count > 1 else 'last'}"
        if count > first:
            yield f'begun-{count} ::= (bare {_PAUSE} " "){{{first}}} words-{count - first}'


def _literal(placed: Placed) -> str:
    text = placed.text
    if placed.loose and text != capitalized(text):
        return f"({_quoted(text)} | {_quoted(capitalized(text))})"
    return _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


COMMAND = Words
