"""Metadata of images and templates, row by row: which column says what, and the text that a field holds."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptlet.errors import UsageError
from promptlet.intents.metadata_files import READERS, Bad
from promptlet.registry import unknown

FIELDS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "name", "label", "annotation", "headline", "filename"),
    "description": ("description", "caption", "alt", "alt_text", "summary", "text"),
    "keywords": ("keywords", "tags", "keyword", "tag", "search_terms", "openmoji_tags", "labels"),
    "category": ("category", "group", "topic", "subject", "categories"),
    "design_type": ("design_type", "type", "format", "template_type"),
    "colors": ("colors", "colours", "color", "colour", "palette"),
}
"""What metadata can say, and the columns that are taken for it unless told otherwise."""

_LISTS = ("keywords", "category", "design_type", "colors")
_SEPARATORS = re.compile(r"[,;|]")
_MAX_TEXT = 2000
"""Characters of a field that are read; what is longer is cut."""
_MAX_LIST = 50
"""Entries of a list that are read."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One row: lists of phrases for keywords, category, design type and colors; plain text for the others."""

    row: int
    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    design_type: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be used, why, and the beginning of what it says."""

    row: int
    reason: str
    text: str


@dataclass(frozen=True)
class Reading:
    """An open metadata file and its mapping from fields to columns."""

    path: Path
    mapping: dict[str, str]
    rows: Callable[[], Iterator[dict[str, Any] | Bad]]

    def assets(self) -> Iterator[Asset | BadRow]:
        """Yield every row, numbered from 1 on, in flat memory.

        Raises:
            UsageError: if the file turns out to be damaged.
        """
        for number, row in enumerate(self.rows(), start=1):
            if isinstance(row, Bad):
                yield BadRow(number, row.reason, row.text)
                continue
            values = {name: _field(name, row.get(column)) for name, column in self.mapping.items()}
            yield Asset(number, **values) if any(values.values()) else BadRow(number, "empty", "")


def open_metadata(path: Path, mapping: Mapping[str, str] | None = None, encoding: str = "utf-8") -> Reading:
    """Return a metadata file, ready to read.

    Args:
        path: a .csv, .tsv, .jsonl, .json or .parquet file. JSON is an array of objects, or one object whose members
            are objects or lists of keywords; it is read whole.
        mapping: field -> column, for fields whose column is not one of the usual names.
        encoding: of text files; a byte order mark overrules it.

    Raises:
        UsageError: for a file that can't be read, a field or column that is not there, or no column at all.
    """
    reader = READERS.get(path.suffix.lower())
    if path.is_dir():
        raise UsageError(f"{path} is a folder; a file of metadata is expected")
    if not path.exists():
        raise UsageError(f"{path} is not there")
    if reader is None:
        raise UsageError(f"metadata is read from {', '.join(READERS)} files, not from '{path.name}'")
    for name in mapping or {}:
        if name not in FIELDS:
            raise UsageError(unknown("field", name, FIELDS))
    try:
        codecs.lookup(encoding)
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"the encoding '{encoding}' is not known; utf-8, utf-16 and latin-1 are some that are"
        ) from error
    columns, bad = _columns(reader(path, encoding, ()))
    if not columns:
        why = f"; its first row: {bad.reason}" if bad else ""
        raise UsageError(f"{path} holds no row that can be read{why}")
    found = _guess(path, columns, mapping or {})
    return Reading(path, found, lambda: reader(path, encoding, tuple(found.values())))


_LOOKED_AT = 100
"""Rows that may show a column; in JSON not every row has all."""


def _columns(rows: Iterator[dict[str, Any] | Bad]) -> tuple[tuple[str, ...], Bad | None]:
    """Return the columns that the first rows have, and what was wrong with the first bad one of them."""
    columns: dict[str, None] = {}
    first_bad, seen = None, 0
    for row in rows:
        if isinstance(row, Bad):
            first_bad = first_bad or row
            continue
        columns.update(dict.fromkeys(map(str, row)))
        seen += 1
        if seen == _LOOKED_AT:
            break
    return tuple(columns), first_bad


def _guess(path: Path, columns: tuple[str, ...], told: Mapping[str, str]) -> dict[str, str]:
    for column in told.values():
        if column not in columns:
            raise UsageError(f"{path} has no column '{column}'; it has: {', '.join(columns)}")
    plain = {column.strip().casefold().replace(" ", "_").replace("-", "_"): column for column in reversed(columns)}
    found = {}
    for name, usual in FIELDS.items():
        chosen = told.get(name) or next(
            (plain[each] for each in usual if each in plain and plain[each] not in told.values()), None
        )
        if chosen is not None:
            found[name] = chosen
    if not found:
        raise UsageError(f"no column of {path} is known ({', '.join(columns)}); say which, as in --map keywords=COLUMN")
    return found


def _field(name: str, value: Any) -> Any:
    if name not in _LISTS:
        return _plain(value)
    parts = value if isinstance(value, list | tuple) else _SEPARATORS.split(_cut(value))
    return tuple(dict.fromkeys(text for part in parts[:_MAX_LIST] if (text := _plain(part))))


def _plain(value: Any) -> str:
    """Return text on one line: underscores are spaces, control characters are none."""
    text = "".join(c if c.isprintable() else " " for c in _cut(value))
    return " ".join(text.replace("_", " ").split())


def _cut(value: Any) -> str:
    """Return the beginning of a text or number; nothing else has one."""
    return str(value)[:_MAX_TEXT] if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
