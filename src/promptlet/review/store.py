"""The file of a review: SQLite in WAL mode, so that a crash loses no rating and reviewers don't wait for each other.

A rating has one row per reviewer and item, and a write changes only what it names: a double click, or a second tab of
the same reviewer, writes the same row again. Tokens are random (128 bits) and only their SHA-256 is kept.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from promptlet.errors import UsageError
from promptlet.http_security import find_digest, secret_digest
from promptlet.io.atomic import replacing
from promptlet.review.assignment import deal
from promptlet.review.records import Item, Rated, Rating

_APPLICATION, _VERSION = 0x50725276, 1
_WAIT_SECONDS = 10
_MOST_NAME_CHARACTERS = 60
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE reviewers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, token BLOB NOT NULL UNIQUE);
CREATE TABLE items (
    id INTEGER PRIMARY KEY, system TEXT NOT NULL, task TEXT NOT NULL, intents TEXT NOT NULL, prompt TEXT NOT NULL,
    scores TEXT NOT NULL, "check" TEXT, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE assignments (
    reviewer INTEGER NOT NULL REFERENCES reviewers, item INTEGER NOT NULL REFERENCES items, place INTEGER NOT NULL,
    PRIMARY KEY (reviewer, item)
) WITHOUT ROWID;
CREATE TABLE ratings (
    reviewer INTEGER NOT NULL REFERENCES reviewers, item INTEGER NOT NULL REFERENCES items,
    relevance INTEGER CHECK (relevance BETWEEN 1 AND 3), correctness INTEGER CHECK (correctness BETWEEN 1 AND 3),
    comment TEXT NOT NULL, time TEXT NOT NULL,
    PRIMARY KEY (reviewer, item)
) WITHOUT ROWID;
"""


def check_names(names: Sequence[str]) -> list[str]:
    """Return reviewers' names with single spaces.

    Raises:
        UsageError: for a name that is empty, too long, or given twice.
    """
    names = [" ".join(name.split()) for name in names]
    for place, name in enumerate(names):
        if not 1 <= len(name) <= _MOST_NAME_CHARACTERS or not name.isprintable():
            raise UsageError(f"the reviewer's name is '{name}'; 1 to {_MOST_NAME_CHARACTERS} letters are allowed")
        if name in names[:place]:
            raise UsageError(f"the reviewer '{name}' is named twice")
    return names


class Store:
    """A review on disk; any thread or process may use it."""

    def __init__(self, path: Path) -> None:
        """Open the review at `path`.

        Raises:
            UsageError: if there is none.
        """
        self.path = path
        if not path.is_file():
            raise UsageError(f"there is no review at {path}; `promptlet review create` makes one")
        try:
            with self._reading() as connection:
                marks = [
                    connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
                ]
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{path} is not a review: {error}") from error
        if marks != [_APPLICATION, _VERSION]:
            raise UsageError(f"{path} is not a review that this version of Promptlet made")

    @classmethod
    def create(cls, path: Path, facts: Mapping[str, Any], items: Sequence[Item]) -> Self:
        """Make a review of `items`, numbered from 1 in their order, and open it.

        Raises:
            UsageError: if there is a file already.
        """
        # A log that an older review left would be taken for the new one's.
        if path.exists() or path.with_name(f"{path.name}-wal").exists():
            raise UsageError(f"there is a file at {path} already; name another")
        with replacing(path) as temporary, closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.executescript(f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION};")
            connection.executescript("PRAGMA journal_mode = WAL; BEGIN;" + _SCHEMA)
            connection.executemany(
                "INSERT INTO facts VALUES (?, ?)", [(name, json.dumps(value)) for name, value in facts.items()]
            )
            connection.executemany(
                'INSERT INTO items (system, task, intents, prompt, scores, "check") VALUES (?, ?, ?, ?, ?, ?)',
                [
                    (
                        item.system,
                        item.task,
                        json.dumps(item.intents),
                        item.prompt,
                        json.dumps(dict(item.scores)),
                        item.check,
                    )
                    for item in items
                ],
            )
            connection.execute("COMMIT")
        return cls(path)

    def facts(self) -> dict[str, Any]:
        """Return what the review was created with."""
        with self._reading() as connection:
            return {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM facts")}

    def invite(self, names: Sequence[str]) -> dict[str, str]:
        """Return a token for each name; it is kept nowhere.

        Unknown names are new reviewers, and what is not rated yet is dealt anew. A known name gets a new token in place
        of its old one.

        Raises:
            UsageError: for a name that is empty, too long, or given twice.
        """
        tokens = {name: secrets.token_urlsafe(16) for name in check_names(names)}
        with self._writing() as connection:
            known = {name for (name,) in connection.execute("SELECT name FROM reviewers")}
            for name, token in tokens.items():
                connection.execute(
                    "INSERT INTO reviewers (name, token) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE SET token = excluded.token",
                    (name, secret_digest(token)),
                )
            if not known.issuperset(tokens):
                self._deal(connection)
        return tokens

    def _deal(self, connection: sqlite3.Connection) -> None:
        facts = self.facts()
        kinds = connection.execute('SELECT id, "check" FROM items WHERE NOT deleted ORDER BY id').fetchall()
        done: dict[str, list[int]] = {
            name: [] for (name,) in connection.execute("SELECT name FROM reviewers ORDER BY id")
        }
        for name, item in connection.execute(
            "SELECT name, item FROM assignments JOIN ratings USING (reviewer, item) JOIN reviewers ON id = reviewer "
            "ORDER BY place"
        ):
            done[name].append(item)
        dealt = deal(
            [item for item, check in kinds if check is None],
            [item for item, check in kinds if check is not None],
            done,
            facts["per_item"],
            facts["seed"],
        )
        connection.execute("DELETE FROM assignments")
        connection.executemany(
            "INSERT INTO assignments SELECT id, ?, ? FROM reviewers WHERE name = ?",
            [(item, place, name) for name, items in dealt.items() for place, item in enumerate(items)],
        )

    def reviewer(self, token: str) -> str | None:
        """Return the name of the reviewer who has this token."""
        with self._reading() as connection:
            names: dict[bytes, str] = dict(connection.execute("SELECT token, name FROM reviewers").fetchall())
        digest = find_digest(token, names)
        return None if digest is None else names[digest]

    def reviewers(self) -> dict[str, int]:
        """Return the number of items that each reviewer is given, by name."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT name, count(items.id) FROM reviewers LEFT JOIN assignments ON reviewer = reviewers.id "
                "LEFT JOIN items ON item = items.id AND NOT deleted GROUP BY reviewers.id ORDER BY reviewers.id"
            )
            return dict(rows.fetchall())

    def items(self) -> dict[int, Item]:
        """Return the items that were not taken out, by number."""
        with self._reading() as connection:
            return {
                row["id"]: _item(row) for row in connection.execute("SELECT * FROM items WHERE NOT deleted ORDER BY id")
            }

    def assigned(self, reviewer: str) -> list[tuple[int, Item, Rating]]:
        """Return a reviewer's items in order, each with its number and what was said of it so far."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT items.*, relevance, correctness, comment, time FROM assignments "
                "JOIN reviewers ON reviewers.id = assignments.reviewer JOIN items ON items.id = assignments.item "
                "LEFT JOIN ratings USING (reviewer, item) WHERE name = ? AND NOT deleted ORDER BY place",
                (reviewer,),
            )
            return [(row["id"], _item(row), _rating(row)) for row in rows]

    def rate(
        self,
        reviewer: str,
        number: int,
        relevance: int | None = None,
        correctness: int | None = None,
        comment: str | None = None,
    ) -> Rating:
        """Keep what a reviewer says of an item, None is left as it was; return all that is kept of it.

        Raises:
            UsageError: if the item is not there, or no longer, or is not the reviewer's.
        """
        with self._writing() as connection:
            given = connection.execute(
                "SELECT reviewers.id FROM assignments JOIN reviewers ON reviewers.id = reviewer "
                "JOIN items ON items.id = item WHERE name = ? AND item = ? AND NOT deleted",
                (reviewer, number),
            ).fetchone()
            if given is None:
                raise UsageError(f"the item {number} is not, or no longer, among those that {reviewer} rates")
            key = (given["id"], number)
            old = _rating(connection.execute("SELECT * FROM ratings WHERE reviewer = ? AND item = ?", key).fetchone())
            new = Rating(
                old.relevance if relevance is None else relevance,
                old.correctness if correctness is None else correctness,
                old.comment if comment is None else comment,
                old.time,
            )
            if new == old:
                return old
            new = Rating(new.relevance, new.correctness, new.comment, datetime.now(UTC).isoformat(timespec="seconds"))
            connection.execute(
                "INSERT OR REPLACE INTO ratings VALUES (?, ?, ?, ?, ?, ?)",
                (*key, new.relevance, new.correctness, new.comment, new.time),
            )
            return new

    def remove(self, number: int) -> None:
        """Take an item out of the review; what was said of it is kept, and counts no more.

        Raises:
            UsageError: if there is no such item.
        """
        with self._writing() as connection:
            if not connection.execute("UPDATE items SET deleted = 1 WHERE id = ? AND NOT deleted", (number,)).rowcount:
                raise UsageError(f"there is no item {number} in {self.path}")

    def ratings(self) -> list[Rated]:
        """Return all ratings, also of items that were taken out, by item and reviewer."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT items.*, name, relevance, correctness, comment, time FROM ratings "
                "JOIN reviewers ON reviewers.id = reviewer JOIN items ON items.id = item ORDER BY item, reviewer"
            )
            return [Rated(row["name"], row["id"], _item(row), _rating(row), bool(row["deleted"])) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # Not made anew if it was deleted meanwhile.
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, _WAIT_SECONDS, isolation_level=None, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction that no other writer can come between; it is undone after an error."""
        with self._reading() as connection:
            connection.executescript("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; BEGIN IMMEDIATE;")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _item(row: sqlite3.Row) -> Item:
    intents, scores = tuple(json.loads(row["intents"])), json.loads(row["scores"])
    return Item(row["system"], row["task"], intents, row["prompt"], scores, row["check"])


def _rating(row: sqlite3.Row | None) -> Rating:
    if row is None or row["time"] is None:
        return Rating()
    return Rating(row["relevance"], row["correctness"], row["comment"], row["time"])
