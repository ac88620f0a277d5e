"""Questions about a run's shards, asked in SQL: DuckDB reads the Parquet files, and memory does not grow with rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb

from promptlet.commands.words import count_words
from promptlet.curation.openers import opening
from promptlet.errors import RunError, one_line
from promptlet.reports.runs import StageData
from promptlet.stemming import terms

_MEMORY = "1GB"
"""What does not fit goes to a temporary folder."""
_ROWS_AT_A_TIME = 10_000
_FOREIGN = (duckdb.IOException, duckdb.InvalidInputException, duckdb.OutOfMemoryException)
"""What files can do to a query; other errors are bugs."""
_COLUMNS = frozenset(("intents", "task", "prompt", "split"))
_NO_REJECTS = """
    SELECT '' AS stage, '' AS reason, '' AS task, '' AS prompt, NULL::STRUCT(kind VARCHAR, value VARCHAR)[] AS intents
    WHERE false
"""


class Shards:
    """The views `pairs` and `rejects`, and whatever is asked of them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, columns: frozenset[str]) -> None:
        self._connection = connection
        self.has_scores = "scores" in columns
        self.tasks: list[str] = [task for (task,) in self.rows("SELECT DISTINCT task FROM pairs ORDER BY task")]

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of an answer that is small."""
        return list(self.stream(query, **values))

    def row(self, query: str, **values: Any) -> tuple[Any, ...]:
        """Return the only row of an answer."""
        (only,) = self.rows(query, **values)
        return only

    def stream(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of an answer.

        Raises:
            RunError: if a shard can't be read.
        """
        try:
            answer = self._connection.execute(query, values or None)
            while part := answer.fetchmany(_ROWS_AT_A_TIME):
                yield from part
        except _FOREIGN as error:
            raise _unreadable(error) from error

    def draw(
        self, count: int, seed: int, what: str = "prompt", where: str = "pairs", by: str = "task"
    ) -> dict[str, Any]:
        """Return for each group `by` up to `count` values of `what`, always the same for a seed."""
        key = "md5(concat_ws(chr(31), $seed::VARCHAR, task, prompt, intents::VARCHAR))"
        query = f"SELECT {by}, arg_min({what}, {key}, {count}) FROM {where} GROUP BY ALL ORDER BY ALL"  # noqa: S608
        return dict(self.rows(query, seed=seed))

    def export(self, query: str, path: str) -> None:
        """Write the rows of an answer to a Parquet file, compressed as well as zstd can."""
        try:
            self._connection.execute(
                f"COPY ({query}) TO {_quoted(path)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19)"
            )
        except _FOREIGN as error:
            raise _unreadable(error) from error


@contextmanager
def open_shards(stages: Mapping[str, StageData]) -> Iterator[Shards]:
    """Yield the shards of a run's curation, with what it and the teacher's stage rejected.

    Raises:
        RunError: if a shard is missing or can't be read.
    """
    pairs = stages["curate"].shards("data")
    if not pairs:
        raise RunError(f"{stages['curate'].folder} holds no data-*.parquet")
    with tempfile.TemporaryDirectory(prefix="promptlet-") as spill:
        # Nothing is fetched: DuckDB would otherwise download extensions that a query seems to need.
        settings = {"memory_limit": _MEMORY, "temp_directory": spill, "preserve_insertion_order": "false"}
        offline = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        connection = duckdb.connect(config={**settings, **offline})
        try:
            connection.create_function("count_words", count_words, ["VARCHAR"], "INTEGER")
            connection.create_function("opening_of", _opening_of, ["VARCHAR"], "VARCHAR")
            yield Shards(connection, _make_views(connection, stages, pairs))
        finally:
            connection.close()


def _make_views(
    connection: duckdb.DuckDBPyConnection, stages: Mapping[str, StageData], pairs: list[str]
) -> frozenset[str]:
    """Make the views; return the columns of the pairs."""
    rejects = [
        f"SELECT '{name}' AS stage, reason, task, prompt, intents FROM read_parquet({_literal(shards)})"  # noqa: S608
        for name in ("synthesize", "curate")
        if name in stages and (shards := stages[name].shards("rejected"))
    ]
    try:
        source = f"read_parquet({_literal(pairs)})"
        columns = frozenset(name for name, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall())  # noqa: S608
        if missing := _COLUMNS - columns:
            raise RunError(f"{stages['curate'].folder} holds shards without the column '{min(missing)}'")
        connection.execute(
            "CREATE VIEW pairs AS SELECT *, count_words(prompt) AS words, opening_of(prompt) AS opening, "  # noqa: S608
            # The same combination as intents_key's: whatever the order and case.
            "hash(list_sort(list_transform(intents, lambda i: lower(concat(i.kind, ': ', i.value))))) AS combination "
            f"FROM {source}"
        )
        connection.execute(f"CREATE VIEW rejects AS {' UNION ALL '.join(rejects) or _NO_REJECTS}")
    except _FOREIGN as error:
        raise _unreadable(error) from error
    return columns


def _opening_of(prompt: str) -> str:
    return opening(terms(prompt))


def _literal(paths: list[str]) -> str:
    """Return paths as a list in SQL; a view takes no parameters."""
    return f"[{', '.join(map(_quoted, paths))}]"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _unreadable(error: Exception) -> RunError:
    return RunError(f"the run's shards can't be read: {one_line(error)}")
