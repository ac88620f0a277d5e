"""Metadata of images and templates, row by row: reading files, which columns say what, and the text of a field.

What can't be used is yielded as `Bad` in its place. One row, or one batch of Parquet, is held at a time; JSON is read
whole.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from promptlet.errors import UsageError, one_line, unread
from promptlet.registry import unknown

FIELDS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "name", "label", "annotation", "headline", "filename"),
    "description": ("description", "caption", "alt", "alt_text", "summary", "text"),
    "keywords": ("keywords", "tags", "keyword", "tag", "search_terms", "labels"),
    "category": ("category", "categories", "group", "subgroups", "topic", "subject", "design_type", "type", "format"),
    "colors": ("colors", "colours", "color", "colour", "palette"),
}
"""What metadata can say, and the columns that are taken for it unless told otherwise."""
_TEXTS = ("title", "description")
"""Fields of one text, from the first of their columns; the others are lists, from all of theirs."""
_OF_A_ROW = frozenset(chain(*(FIELDS[name] for name in _TEXTS)))
_SEPARATORS, _DELIMITERS = re.compile(r"[,;|]"), ",;\t|"
_NO_TEXT = re.compile(r"[\ufffd\ud800-\udfff]")
"""What stands where bytes were no text, and halves of characters."""
_LONGEST_TEXT, _LONGEST_LIST = 5000, 100
_LONGEST_LINE = 1 << 20
"""Characters of a line; of a longer one only so many are read."""
_ROWS_PER_BATCH, _LOOKED_AT = 1000, 100
"""Rows of Parquet read at once, and rows that may show a column; in JSON not every row has all."""


@dataclass(frozen=True, slots=True)
class Bad:
    """What is no row, or a row that can't be used: why, and what it says."""

    reason: str
    text: str = ""
    row: int = 0


Rows = Iterator[Mapping[str, Any] | Bad]


@dataclass(frozen=True, slots=True)
class Asset:
    """What a row, counted from 1, says: plain text on one line, and lists of phrases."""

    row: int
    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()

    def phrases(self) -> Iterator[tuple[str, str]]:
        """Yield (field, phrase)."""
        for name in FIELDS:
            value = getattr(self, name)
            yield from ((name, phrase) for phrase in ((value,) if name in _TEXTS else value) if phrase)


@dataclass(frozen=True)
class Metadata:
    """A file of metadata and its mapping from fields to columns."""

    path: Path
    encoding: str
    mapping: Mapping[str, tuple[str, ...]]

    @classmethod
    def open(cls, path: Path, named_columns: Mapping[str, str], encoding: str = "utf-8-sig") -> Metadata:
        """Return a .csv, .tsv, .jsonl, .json or .parquet file; `told` maps fields to columns of unusual names.

        Raises:
            UsageError: for a file that can't be read, a field or column that is not there, or no column at all.
        """
        rows = list(islice(_read(path, encoding), _LOOKED_AT))
        columns = list(dict.fromkeys(column for row in rows if not isinstance(row, Bad) for column in row))
        if not columns:
            first = next((f"; the first is {row.reason}" for row in rows if isinstance(row, Bad)), "")
            raise UsageError(f"{path} holds no row that can be read{first}")
        return cls(path, encoding, _guess(path, columns, named_columns))

    def assets(self) -> Iterator[Asset | Bad]:
        """Yield what every row says, or why it can't be used.

        Raises:
            UsageError: if the file turns out to be damaged.
        """
        for number, row in enumerate(_read(self.path, self.encoding), start=1):
            if isinstance(row, Bad):
                yield replace(row, row=number)
                continue
            try:
                values = {name: _field(name, [row.get(each) for each in self.mapping[name]]) for name in self.mapping}
                yield Asset(number, **values) if any(values.values()) else Bad("empty", row=number)
            except ValueError as error:
                yield Bad(str(error), str(row), number)


def _guess(path: Path, columns: list[str], named_columns: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    for name, column in named_columns.items():
        if name not in FIELDS:
            raise UsageError(unknown("field", name, FIELDS))
        if column not in columns:
            raise UsageError(f"{path} has no column '{column}'; it has: {', '.join(columns)}")
    plain = {
        re.sub(r"[\s-]+", "_", each.strip().casefold()): each for each in columns if each not in named_columns.values()
    }
    found = {}
    for name, usual in FIELDS.items():
        known = [plain[each] for each in usual if each in plain]
        found[name] = (named_columns[name],) if name in named_columns else tuple(known[:1] if name in _TEXTS else known)
    if not any(found.values()):
        raise UsageError(f"no column of {path} is known ({', '.join(columns)}); say which, as in --map keywords=COLUMN")
    return {name: chosen for name, chosen in found.items() if chosen}


def _field(name: str, values: list[Any]) -> Any:
    """Return the text or the phrases of a field; ValueError says what is wrong with it."""
    if name in _TEXTS:
        return _plain(name, values[0])
    lists = (each if isinstance(each, list) else _SEPARATORS.split(_plain(name, each)) for each in values)
    phrases = [_plain(name, part) for parts in lists for part in parts]
    if len(phrases) > _LONGEST_LIST:
        raise ValueError(f"too long: {name}")
    return tuple(dict.fromkeys(filter(None, phrases)))


def _plain(name: str, value: Any) -> str:
    """Return text on one line, spaces for underscores."""
    if not isinstance(value, str | int | float | None):
        raise ValueError(f"no text: {name}")
    text = " ".join(str("" if value is None else value).replace("_", " ").split())
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"too long: {name}")
    if _NO_TEXT.search(text):
        raise ValueError(f"wrong encoding: {name}")
    if not text.isprintable():  # invisible marks are among them
        raise ValueError(f"control characters: {name}")
    return text


def _read(path: Path, encoding: str) -> Rows:
    """Yield the rows of a file; U+FFFD stands where bytes are no text in the encoding."""
    ending = path.suffix.lower()
    if ending not in (*_TEXT_READERS, ".parquet"):
        raise UsageError(f"metadata is read from {', '.join(_TEXT_READERS)} and .parquet files, not from {path}")
    try:
        if ending == ".parquet":
            yield from _read_parquet(path)
        else:
            with path.open(encoding=encoding, errors="replace", newline="") as file:
                yield from _TEXT_READERS[ending](file)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {unread(error)}") from error
    except LookupError as error:
        raise UsageError(f"the encoding '{encoding}' is not known; utf-8, utf-16 and latin-1 are") from error
    except UnicodeError as error:
        raise UsageError(f"{path} is not {encoding}: {error}; --encoding names another one") from error


def _read_csv(file: IO[str]) -> Rows:
    """Yield the rows of separated text; the header decides between comma, semicolon, tab and bar."""
    delimiter = max(_DELIMITERS, key=file.readline(_LONGEST_LINE).count)
    file.seek(0)
    rows = _separated(_lines(file), delimiter)
    header: list[str] | Bad = next(rows, [])
    if isinstance(header, Bad) or len(set(header)) < len(header):
        raise UsageError(f"{file.name} has a header that can't be read, or one column twice")
    for row in rows:
        if isinstance(row, Bad):
            yield row
        elif row:
            good = len(row) == len(header)
            yield dict(zip(header, row, strict=True)) if good else Bad("wrong number of columns", ",".join(row))


def _lines(file: IO[str]) -> Iterator[str]:
    """Yield the lines of a file; of one that is too long its beginning, which is no row or one with a long text."""
    while line := file.readline(_LONGEST_LINE):
        yield line
        while len(line) == _LONGEST_LINE and not line.endswith("\n"):
            line = file.readline(_LONGEST_LINE)


def _separated(lines: Iterator[str], delimiter: str) -> Iterator[list[str] | Bad]:
    """Yield rows. A quote that is never closed spoils the line in which it stands; those behind it are read again."""
    taken: list[str] = []
    again: deque[str] = deque()

    def feed() -> Iterator[str]:
        while line := again.popleft() if again else next(lines, ""):
            taken.append(line)
            yield line

    reader = csv.reader(feed(), delimiter=delimiter, strict=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(f"malformed: {error}", taken[0].strip())
            again.extendleft(reversed(taken[1:]))
            reader = csv.reader(feed(), delimiter=delimiter, strict=True)
        taken.clear()


def _read_jsonl(file: IO[str]) -> Rows:
    return map(_object, _each(map(json.loads, filter(str.strip, _lines(file)))))


def _read_json(file: IO[str]) -> Rows:
    """Yield the objects of an array, in an object too, or the members of one: a name with keywords or with an object.

    An object with a title or a description of its own is a row.
    """
    try:
        content = json.load(file)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file.name} is not JSON: {error}") from error
    if isinstance(content, dict):
        wrapped = [value for value in content.values() if isinstance(value, list | dict)]
        if len(wrapped) == 1 and isinstance(wrapped[0], list) and any(isinstance(row, dict) for row in wrapped[0]):
            content = wrapped[0]
        elif not any(isinstance(value, str) and name.casefold() in _OF_A_ROW for name, value in content.items()):
            return map(_object, map(_member, content.items()))
    return map(_object, content if isinstance(content, list) else [content])


def _member(item: tuple[str, Any]) -> Any:
    name, value = item
    if isinstance(value, dict):
        return {"title": name} | value
    if not isinstance(value, list):
        return value
    # A name without letters is a picture itself, an emoji: its first keyword is its name.
    title = name if any(map(str.isalnum, name)) or not value else value[0]
    return {"title": title, "keywords": value}


def _object(row: Any) -> Mapping[str, Any] | Bad:
    return row if isinstance(row, dict | Bad) else Bad("no object", str(row))


def _read_parquet(path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            # Pictures stand in some files as bytes; nobody wants to read them.
            said = [column.name for column in file.schema_arrow if not re.search("binary|struct", str(column.type))]
            for batch in file.iter_batches(_ROWS_PER_BATCH, columns=said):
                # One by one: text that is not UTF-8 spoils its own row only.
                slices = map(batch.slice, range(batch.num_rows), repeat(1))
                yield from _each(map(itemgetter(0), map(pa.RecordBatch.to_pylist, slices)))
    except pa.ArrowException as error:
        raise UsageError(f"{path} is not Parquet, or damaged: {one_line(error)}") from error


def _each(rows: Iterator[Any]) -> Iterator[Any]:
    """Yield the items of an iterator that can go on after an error, and `Bad` in place of each error."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except (ValueError, RecursionError) as error:
            row = Bad(f"malformed: {error}", str(getattr(error, "doc", "")).strip())
        yield row


_TEXT_READERS = {".csv": _read_csv, ".tsv": _read_csv, ".jsonl": _read_jsonl, ".json": _read_json}
