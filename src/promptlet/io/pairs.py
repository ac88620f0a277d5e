"""Pairs that somebody has already: published by another run, or written by people or other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from promptlet.errors import UsageError, one_line
from promptlet.io.json_lines import parse_object
from promptlet.io.records import ROWS_PER_GROUP, from_row, parquet_files
from promptlet.types import KINDS, Sample, parse_intents

_COLUMNS = ("intents", "task", "prompt")


def pair_files(path: Path) -> list[Path]:
    """Return the files of a set of pairs: a .jsonl or .parquet file, or all Parquet files of a folder but its rejects.

    Raises:
        UsageError: if there are none.
    """
    allowed = "a .jsonl or .parquet file, or a folder of .parquet files, is allowed"
    if not path.exists():
        raise UsageError(f"there are no pairs at {path}; {allowed}")
    if path.is_dir():
        if not (files := parquet_files(path)):
            raise UsageError(f"the folder {path} has no .parquet file; {allowed}")
        return files
    if path.suffix.lower() not in (".jsonl", ".parquet"):
        raise UsageError(f"pairs can't be read from {path}; {allowed}")
    return [path]


def read_pairs(files: list[Path]) -> Iterator[tuple[Sample, str | None]]:
    """Yield each pair, or what can be told of it with the reason why it is none; in order and in flat memory.

    Parquet has the columns of a stage's shards, of which ``intents``, ``task`` and ``prompt`` must be there. A line of
    JSON has the same three keys, and may have ``scores`` by name; its intents are ``Kind: value`` strings or pairs, or
    free text.

    Raises:
        UsageError: if a file can't be read at all.
    """
    for path in files:
        yield from _parquet(path) if path.suffix.lower() == ".parquet" else _json_lines(path)


def _parquet(path: Path) -> Iterator[tuple[Sample, str | None]]:
    try:
        with pq.ParquetFile(path) as file:
            if missing := set(_COLUMNS) - set(file.schema_arrow.names):
                raise UsageError(f"{path} has no column '{min(missing)}'; pairs have: {', '.join(_COLUMNS)}")
            for batch in file.iter_batches(ROWS_PER_GROUP):
                for row in batch.to_pylist():
                    yield _checked({"source": path.name, "split": "", "commands": (), "scores": ()} | row)
    except (pa.ArrowException, KeyError, TypeError) as error:
        raise UsageError(f"{path} holds no pairs: {one_line(error)}") from error


def _checked(row: Mapping[str, Any]) -> tuple[Sample, str | None]:
    """Return the pair of a row; what the files of a run always hold is checked, for others bring files too."""
    intents, task, prompt = (row[name] for name in _COLUMNS)
    if not (isinstance(task, str) and isinstance(prompt, str)):
        why = "task and prompt are texts"
    elif not intents or not all(each["kind"] in KINDS and each["value"] for each in intents):
        why = f"intents are of: {', '.join(KINDS)}"
    elif any(score is None for _, score in row["scores"] or ()):
        why = "scores are numbers"
    else:
        return from_row(row), None
    return Sample((), str(task or ""), str(prompt or ""), source=row["source"] or ""), f"no pair: {why}"


def _json_lines(path: Path) -> Iterator[tuple[Sample, str | None]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            source = f"{path.name}#{number}"
            try:
                yield _sample(parse_object(line), source), None
            except UsageError as error:
                text = line.decode("utf-8", "backslashreplace").strip()[:1000]
                yield Sample((), "", text, source=source), f"no pair: {one_line(error)}"


def _sample(row: Mapping[str, Any], source: str) -> Sample:
    for name in _COLUMNS:
        if name not in row:
            raise UsageError(f"it has no '{name}'")
    if not (isinstance(row["task"], str) and isinstance(row["prompt"], str)):
        raise UsageError("task and prompt are texts")
    intents = row["intents"]
    if not isinstance(intents, str | list) or not all(isinstance(each, str | list) for each in intents):
        raise UsageError('intents are "Kind: value" texts')
    scores = row.get("scores") or {}
    if not isinstance(scores, Mapping) or not all(type(score) in (int, float) for score in scores.values()):
        raise UsageError('scores are numbers by name, such as {"relevance": 0.9}')
    try:
        return Sample(parse_intents(intents), row["task"], row["prompt"], source=source, scores=dict(scores))
    except TypeError as error:
        raise UsageError(f"intents are 'Kind: value' texts: {error}") from error
