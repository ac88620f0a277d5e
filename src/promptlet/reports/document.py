"""A report as content, whatever it is shown as: sections of texts, numbers, pictures and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float
_LONGEST_CELL = 400


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
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

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    bar: int | None = None
    folded: bool = False
    kind: str = "table"

    @property
    def shown(self) -> Iterator[list[tuple[str, float | None, bool]]]:
        """Yield rows of (text, length of the bar from 0 to 1 or None, whether it is a number)."""
        values = [float(row[self.bar]) for row in self.rows] if self.bar is not None else []
        highest = max(values, default=0) or 1
        for row in self.rows:
            yield [
                (
                    show(cell),
                    float(cell) / highest if column == self.bar else None,
                    not isinstance(cell, str),
                )
                for column, cell in enumerate(row)
            ]


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
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:.1f}" if cell >= 1 or not cell else f"{cell:.3f}"
    line = " ".join(cell.split())
    return line if len(line) <= _LONGEST_CELL else f"{line[:_LONGEST_CELL]}..."


def percent(part: float, whole: float) -> str:
    """Return a share in per cent; of nothing it is a dash."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


def intents_text(intents: Sequence[Any] | None) -> str:
    """Return the intents of a row as DuckDB gives them: ``Topic: birthday, Mood: calm``."""
    return ", ".join(f"{intent['kind']}: {intent['value']}" for intent in intents or ())
