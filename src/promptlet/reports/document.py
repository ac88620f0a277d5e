"""A report as content, whatever it is shown as: sections of texts, numbers, pictures and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

_LONGEST_CELL = 400
_NUMBER = re.compile(r"[-+]?[\d.,]+%?|-")
"""What stands in columns of numbers; a dash is a number that is not there."""


@dataclass(frozen=True)
class Ranged:
    """A number with the ends of its interval."""

    value: str
    ends: str

    def __str__(self) -> str:
        return f"{self.value} {self.ends}"


Cell = str | int | float | Ranged


@dataclass(frozen=True)
class Text:
    """A paragraph; `tone` is `good` or `bad` where it is a verdict, `command` where it is a line for a shell."""

    text: str
    tone: str = ""
    kind: str = "text"


@dataclass(frozen=True)
class Facts:
    """Numbers to be seen first, each under its name."""

    items: Sequence[tuple[str, str]]
    kind: str = "facts"


@dataclass(frozen=True)
class Picture:
    """A drawing as SVG, whose colours are those of the page around it."""

    name: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Pictures beside each other."""

    pictures: Sequence[Picture]
    kind: str = "gallery"


@dataclass(frozen=True)
class Table:
    """Rows under a head; `bar` is the column whose numbers are also drawn as bars."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    bar: int | None = None
    folded: bool = False
    kind: str = "table"

    @property
    def shown(self) -> Iterator[list[Shown]]:
        """Yield rows as a page shows them."""
        values = [float(row[self.bar]) for row in self.rows] if self.bar is not None else []  # type: ignore[arg-type]
        highest = max(values, default=0) or 1
        for index, row in enumerate(self.rows):
            yield [
                Shown(
                    cell.value if isinstance(cell, Ranged) else show(cell),
                    cell.ends if isinstance(cell, Ranged) else "",
                    values[index] / highest if column == self.bar else None,
                    self.numbers[column],
                )
                for column, cell in enumerate(row)
            ]

    @property
    def numbers(self) -> list[bool]:
        """Whether each column holds numbers alone."""
        return [all(map(_is_number, column)) for column in zip(*self.rows, strict=True)] or [False] * len(self.columns)


@dataclass(frozen=True)
class Shown:
    """A cell as a page shows it."""

    text: str
    ends: str
    bar: float | None
    """The length of its bar, from 0 to 1."""
    number: bool


@dataclass(frozen=True)
class Code:
    """Text to be shown as it is."""

    text: str
    caption: str
    kind: str = "code"


Block = Text | Facts | Gallery | Table | Code


@dataclass(frozen=True)
class Section:
    """A part with a title."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """Return the title as the name of a place in the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    sections: Sequence[Section] = field(default_factory=tuple)

    def pictures(self) -> Iterator[Picture]:
        """Yield all pictures."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Gallery):
                    yield from block.pictures


def show(cell: Cell) -> str:
    """Return a cell as text: thousands apart, fractions short, text on one line and not too long."""
    if isinstance(cell, Ranged):
        return str(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:.1f}" if cell >= 1 or not cell else f"{cell:.3f}"
    line = " ".join(cell.split())
    return line if len(line) <= _LONGEST_CELL else f"{line[:_LONGEST_CELL]}..."


def _is_number(cell: Cell) -> bool:
    return not isinstance(cell, str) or _NUMBER.fullmatch(cell) is not None


def percent(part: float, whole: float) -> str:
    """Return a share in per cent; of nothing it is a dash."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


def intents_text(intents: Sequence[Any] | None) -> str:
    """Return the intents of a row as DuckDB gives them: ``Topic: birthday, Mood: calm``."""
    return ", ".join(f"{intent['kind']}: {intent['value']}" for intent in intents or ())
