"""Reading metadata of images and templates: CSV, JSONL, JSON and Parquet, row by row in flat memory."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from promptlet.errors import UsageError
from promptlet.registry import unknown

FIELDS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "name", "label", "annotation", "headline"),
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
_ROWS_PER_BATCH = 2000


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


@dataclass
class Reading:
    """An open metadata file: its mapping from fields to columns, and what could not be read so far."""

    path: Path
    mapping: dict[str, str]
    rows: Callable[[], Iterator[dict[str, Any] | str]]
    bad: dict[str, int] = field(default_factory=dict)

    def assets(self) -> Iterator[Asset]:
        """Yield the rows that can be read; the others are counted in `bad` by reason."""
        for number, row in enumerate(self.rows(), start=1):
            if isinstance(row, str):
                self._count(row)
                continue
            values = {name: _field(name, row.get(column)) for name, column in self.mapping.items()}
            if any(values.values()):
                yield Asset(number, **values)
            else:
                self._count("empty")

    def _count(self, reason: str) -> None:
        self.bad[reason] = self.bad.get(reason, 0) + 1


def open_metadata(path: Path, mapping: Mapping[str, str] | None = None) -> Reading:
    """Return a metadata file, ready to read.

    Args:
        path: a .csv, .tsv, .jsonl, .json or .parquet file. JSON is an array of objects, or one object whose members
            are objects or lists of keywords; it is read whole.
        mapping: field -> column, for fields whose column is not one of the usual names.

    Raises:
        UsageError: for a file that can't be read, a field or column that is not there, or no column at all.
    """
    readers = {".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".json": _json, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"metadata is read from {', '.join(readers)} files, not from '{path.name}'")
    for name in mapping or {}:
        if name not in FIELDS:
            raise UsageError(unknown("field", name, FIELDS))
    try:
        first = next((row for row in reader(path) if isinstance(row, dict)), None)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror or error}") from error
    if first is None:
        raise UsageError(f"{path} holds no row that can be read")
    return Reading(path, _guess(path, tuple(map(str, first)), mapping or {}), lambda: reader(path))


def _guess(path: Path, columns: tuple[str, ...], told: Mapping[str, str]) -> dict[str, str]:
    for column in told.values():
        if column not in columns:
            raise UsageError(f"{path} has no column '{column}'; it has: {', '.join(columns)}")
    plain = {column.strip().casefold().replace(" ", "_").replace("-", "_"): column for column in reversed(columns)}
    found = {}
    for name, usual in FIELDS.items():
        chosen = told.get(name) or next((plain[each] for each in usual if each in plain), None)
        if chosen is not None:
            found[name] = chosen
    if not found:
        raise UsageError(f"no column of {path} is known ({', '.join(columns)}); say which, as in --map keywords=COLUMN")
    return found


def _field(name: str, value: Any) -> Any:
    if name not in _LISTS:
        return _plain(value)
    parts = value if isinstance(value, list | tuple) else _SEPARATORS.split(str(value)) if value is not None else ()
    return tuple(dict.fromkeys(text for part in parts if (text := _plain(part))))


def _plain(value: Any) -> str:
    """Return text on one line: underscores are spaces, control characters are none."""
    if not isinstance(value, str | int | float):
        return ""
    text = "".join(c if c.isprintable() else " " for c in str(value)[:_MAX_TEXT])
    return " ".join(text.replace("_", " ").split())


def _csv(path: Path) -> Iterator[dict[str, Any] | str]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", restkey="")
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error:
                yield "malformed"
                continue
            yield "too many columns" if row.pop("", None) else row


def _jsonl(path: Path) -> Iterator[dict[str, Any] | str]:
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                yield "malformed"
                continue
            yield row if isinstance(row, dict) else "no object"


def _json(path: Path) -> Iterator[dict[str, Any] | str]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    if isinstance(content, dict):
        for name, value in content.items():
            if isinstance(value, list):
                yield {"title": name, "keywords": value}
            else:
                yield {"title": name} | value if isinstance(value, dict) else "no object"
    elif isinstance(content, list):
        for row in content:
            yield row if isinstance(row, dict) else "no object"


def _parquet(path: Path) -> Iterator[dict[str, Any] | str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_PER_BATCH):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise UsageError(f"{path} is not Parquet: {error}") from error
