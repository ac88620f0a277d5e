"""The file formats that metadata comes in: each reader yields rows as mappings, and `Bad` for what is no row.

Readers hold one row, or one batch of Parquet, at a time; only JSON is read whole.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from promptlet.errors import UsageError

_LONGEST_LINE = 1 << 20
"""Characters (CSV) or bytes (JSON Lines) of a line that are read; longer ones are no rows."""
_ROWS_PER_BATCH = 1000
_REPLACED = "\ufffd"
"""What Python puts where bytes are no text."""
_SHOWN = 500
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Bad:
    """What is no row: the reason, and the beginning of what stands there."""

    reason: str
    text: str = ""


Rows = Iterator[dict[str, Any] | Bad]
Reader = Callable[[Path, str, tuple[str, ...]], Rows]
"""Takes a path, the encoding of text, and the columns that are wanted (all, if none is named)."""


@contextmanager
def _explaining(path: Path, what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of reading into one line."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror or error}") from error
    except kinds as error:
        raise UsageError(f"{path} is not {what}: {' '.join(str(error).split())[:200]}") from error


def _encoding(path: Path, told: str) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in _MARKS if start.startswith(mark)), told)


def read_csv(path: Path, encoding: str, columns: tuple[str, ...]) -> Rows:  # noqa: ARG001 (all stand in each line)
    """Yield the rows of comma-separated text; the header decides between comma, semicolon, tab and bar."""
    with _explaining(path, f"text in {encoding}", UnicodeError):
        encoding = _encoding(path, encoding)
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            header_line = file.readline(_LONGEST_LINE)
            delimiter = max(_DELIMITERS, key=header_line.count)
            file.seek(0)
            rows = csv.reader(_lines(file), delimiter=delimiter)
            try:
                header = next(rows, [])
            except csv.Error as error:
                raise UsageError(f"{path} is not CSV: {error}") from error
            if len(set(header)) < len(header):
                twice = next(name for name in header if header.count(name) > 1)
                raise UsageError(f"{path} has the column '{twice}' twice")
            yield from _csv_rows(rows, header, encoding)


def _csv_rows(rows: Iterator[list[str]], header: list[str], encoding: str) -> Rows:
    while True:
        try:
            values = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad("malformed", str(error))
            continue
        if not values:
            continue
        text = ",".join(values)[:_SHOWN]
        if len(values) != len(header):
            yield Bad("too many columns" if len(values) > len(header) else "too few columns", text)
        elif any(_REPLACED in value for value in values):
            yield Bad(f"not {encoding.removesuffix('-sig')}", text)
        else:
            yield dict(zip(header, values, strict=True))


def _lines(file: IO[str]) -> Iterator[str]:
    """Yield lines, the overlong ones in pieces, so that no line fills the memory."""
    while line := file.readline(_LONGEST_LINE):
        yield line


def read_jsonl(path: Path, encoding: str, columns: tuple[str, ...]) -> Rows:  # noqa: ARG001 (all stand in each line)
    """Yield the objects of JSON Lines."""
    with _explaining(path, "JSON Lines"), path.open("rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        while line := file.readline(_LONGEST_LINE):
            shown = line[:_SHOWN].decode(encoding, "replace").strip()
            if not line.endswith(b"\n") and len(line) == _LONGEST_LINE:
                while (rest := file.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield Bad("too long", shown)
            elif line.strip():
                yield _object(line, encoding, shown)


def _object(line: bytes, encoding: str, shown: str) -> dict[str, Any] | Bad:
    try:
        row = json.loads(line.decode(encoding))
    except UnicodeDecodeError:
        return Bad(f"not {encoding}", shown)
    except (ValueError, RecursionError):
        return Bad("malformed", shown)
    return row if isinstance(row, dict) else Bad("no object", shown)


def read_json(path: Path, encoding: str, columns: tuple[str, ...]) -> Rows:  # noqa: ARG001 (read whole)
    """Yield the objects of an array, or the members of an object, whose names are their titles."""
    with _explaining(path, "JSON", ValueError, RecursionError):
        content = json.loads(path.read_text(_encoding(path, encoding)))
    if isinstance(content, dict):
        for name, value in content.items():
            if isinstance(value, list):
                yield {"title": _title(name, value), "keywords": value}
            elif isinstance(value, dict):
                yield {"title": _title(name, ())} | value
            else:
                yield Bad("no object", str(name)[:_SHOWN])
    elif isinstance(content, list):
        for row in content:
            yield row if isinstance(row, dict) else Bad("no object", str(row)[:_SHOWN])
    else:
        raise UsageError(f"{path} holds neither an array nor an object")


def _title(name: str, keywords: Any) -> str:
    """Return the name of a member as a title: "arrow-up" is "arrow up"; a picture character has its first keyword."""
    if not any(c.isalnum() for c in name):
        return next((each for each in keywords if isinstance(each, str)), name)
    return name if " " in name else name.replace("-", " ")


def read_parquet(path: Path, encoding: str, columns: tuple[str, ...]) -> Rows:  # noqa: ARG001 (Parquet has its own)
    """Yield the rows of Parquet, of the wanted columns only."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _explaining(path, "Parquet", pa.ArrowException), pq.ParquetFile(path) as file:
        wanted = [name for name in columns if name in file.schema_arrow.names] or None
        for batch in file.iter_batches(_ROWS_PER_BATCH, columns=wanted):
            try:
                yield from batch.to_pylist()
            except UnicodeDecodeError:
                yield from _row_by_row(batch)


def _row_by_row(batch: Any) -> Rows:
    for row in range(batch.num_rows):
        try:
            yield batch.slice(row, 1).to_pylist()[0]
        except UnicodeDecodeError as error:
            yield Bad("not utf-8", error.object[:_SHOWN].decode(errors="replace"))


READERS: Mapping[str, Reader] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_jsonl,
    ".json": read_json,
    ".parquet": read_parquet,
}
