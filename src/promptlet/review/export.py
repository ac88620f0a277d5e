"""The ratings as rows of a file: CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promptlet.errors import UsageError
from promptlet.io.atomic import replacing
from promptlet.review.records import Rated
from promptlet.review.store import Store

COLUMNS = (
    *("item", "system", "task", "intents", "prompt", "scores", "check"),
    *("deleted", "reviewer", "relevance", "correctness", "comment", "time"),
)
_FORMATS = (".csv", ".jsonl", ".parquet")


def export_ratings(store: Store, path: Path) -> int:
    """Write every rating to `path` in the format that its ending names; return how many.

    Raises:
        UsageError: for another ending.
    """
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"the export is '{path.name}'; {', '.join(_FORMATS)} are allowed")
    rows = [_row(rated) for rated in store.ratings()]
    with replacing(path) as temporary:
        match path.suffix.lower():
            case ".csv":
                _write_csv(temporary, rows)
            case ".jsonl":
                lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                temporary.write_text("".join(lines), encoding="utf-8")
            case _:
                _write_parquet(temporary, rows)
    return len(rows)


def _row(rated: Rated) -> dict[str, Any]:
    item, rating = rated.item, rated.rating
    values = (
        *(rated.number, item.system, item.task, list(item.intents), item.prompt, dict(item.scores), item.check),
        *(rated.deleted, rated.reviewer, rating.relevance, rating.correctness, rating.comment, rating.time),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a table; intents and scores are JSON in their cells."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            nested = {name: json.dumps(row[name], ensure_ascii=False) for name in ("intents", "scores")}
            writer.writerow(row | nested)


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "item": pa.int64(),
        "intents": pa.list_(pa.string()),
        "deleted": pa.bool_(),
        "relevance": pa.int8(),
        "correctness": pa.int8(),
        "scores": pa.map_(pa.string(), pa.float64()),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    nested = [row | {"scores": list(row["scores"].items())} for row in rows]
    pq.write_table(pa.Table.from_pylist(nested, schema), path, compression="zstd")
