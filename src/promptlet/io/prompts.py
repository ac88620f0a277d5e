"""Prompts of a data set with their intents, from Parquet, a stage's folder of shards, or JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptlet.errors import UsageError, one_line
from promptlet.io.json_lines import parse_object
from promptlet.io.records import parquet_files

_ROWS_PER_BATCH = 4096


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A prompt and the values of the intents that it was written for; none where the data set has none."""

    prompt: str
    intents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prompts:
    """A data set that is ready to be read."""

    total: int | None
    """Rows; None where only reading them tells."""
    read: Callable[[], Iterator[PromptRow | None]]
    """Yields a row each, in order and in flat memory; None for one without a prompt that can be read."""


def open_prompts(path: Path) -> Prompts:
    """Return the prompts of a data set: .parquet or .jsonl with a column `prompt`, or a folder of Parquet files, of
    which those that a stage rejected are left out.

    The column `intents` may be missing. It holds intents as a stage writes them, as ``Kind: value``, or as pairs.
    A line may also have several rows in `prompts`, as ``promptlet generate --output`` writes them.

    Raises:
        UsageError: for a path that holds no such thing.
    """
    if path.is_dir():
        if not (shards := parquet_files(path)):
            raise UsageError(f"the folder {path} has no .parquet file")
        return _parquet(shards)
    if not path.is_file():
        raise UsageError(f"there is no data set at {path}")
    if path.suffix.lower() == ".parquet":
        return _parquet([path])
    if path.suffix.lower() == ".jsonl":
        return Prompts(None, lambda: _json_lines(path))
    raise UsageError(f"a data set is a .parquet or .jsonl file or a folder of .parquet files, not '{path.name}'")


def _parquet(files: list[Path]) -> Prompts:
    import pyarrow as pa
    import pyarrow.parquet as pq

    total = 0
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                names, rows = file.schema_arrow.names, file.metadata.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise UsageError(f"{path} is not Parquet: {one_line(error)}") from error
        if "prompt" not in names:
            raise UsageError(f"{path} has no column 'prompt'; it has: {', '.join(names)}")
        total += rows

    def read() -> Iterator[PromptRow | None]:
        for path in files:
            with pq.ParquetFile(path) as file:
                columns = [name for name in ("prompt", "intents") if name in file.schema_arrow.names]
                for batch in file.iter_batches(_ROWS_PER_BATCH, columns=columns):
                    yield from map(_row, batch.to_pylist())

    return Prompts(total, read)


def _json_lines(path: Path) -> Iterator[PromptRow | None]:
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                row = parse_object(line)
            except UsageError:
                yield None
                continue
            rows = row.get("prompts")
            yield from map(_row, rows if isinstance(rows, list) else [row])


def _row(row: Any) -> PromptRow | None:
    if not isinstance(row, Mapping) or not isinstance(prompt := row.get("prompt"), str):
        return None
    intents = row.get("intents")
    return PromptRow(prompt, tuple(map(_value, intents)) if isinstance(intents, list) else ())


def _value(intent: Any) -> str:
    if isinstance(intent, Mapping):
        return str(intent.get("value", ""))
    if isinstance(intent, list):
        return str(intent[-1]) if intent else ""
    return str(intent).partition(":")[2].strip() or str(intent)
