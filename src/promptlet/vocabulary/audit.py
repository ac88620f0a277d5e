"""Auditing a data set against a policy: which of its words nobody approved, and which terms are denied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from promptlet.io.prompts import PromptRow, Prompts
from promptlet.progress import metering
from promptlet.stemming import terms
from promptlet.vocabulary.policy import Finding, Policy

EXAMPLES = 3
_REMEMBERED = 100_000
"""Different terms that are counted at a time; beyond, the rarer half is dropped, so that memory stays flat."""
_EXCERPT = 120
"""Characters of an example."""


@dataclass(slots=True)
class Entry:
    """A term, how often it occurs, and a few texts in which it does."""

    term: str
    category: str | None = None
    """Of a denied term: why."""
    count: int = 0
    examples: list[str] = field(default_factory=list)


class _Tally:
    """Entries by term, the most frequent ones if there are too many."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str | None], Entry] = {}
        self.dropped = 0

    def add(self, term: str, category: str | None, text: str) -> None:
        entry = self.entries.setdefault((term, category), Entry(term, category))
        entry.count += 1
        if len(entry.examples) < EXAMPLES and (shown := _excerpt(text, term)) not in entry.examples:
            entry.examples.append(shown)
        if len(self.entries) > _REMEMBERED:
            kept = self.sorted()[: _REMEMBERED // 2]
            self.dropped += len(self.entries) - len(kept)
            self.entries = {(each.term, each.category): each for each in kept}

    def sorted(self) -> list[Entry]:
        return sorted(self.entries.values(), key=lambda entry: (-entry.count, entry.term, entry.category or ""))


@dataclass(frozen=True)
class Audit:
    """What an audit found; entries are sorted by count."""

    rows: int
    unreadable: int
    """Rows without a prompt that can be read; they were not judged."""
    words: int
    """Words of all prompts."""
    denied: list[Entry]
    unapproved: list[Entry]
    dropped: int
    """Rare terms that were not counted to the end, because there are too many different ones."""

    def to_dict(self, limit: int | None = None) -> dict[str, Any]:
        """Return the audit as JSON values, with the first `limit` entries of each list."""
        lists = {"denied": self.denied, "unapproved": self.unapproved}
        return {
            "rows": self.rows,
            "unreadable": self.unreadable,
            "words": self.words,
            "dropped": self.dropped,
            **{f"{name} terms": len(entries) for name, entries in lists.items()},
            **{name: [asdict(entry) for entry in entries[:limit]] for name, entries in lists.items()},
        }


def audit(prompts: Prompts, policy: Policy) -> Audit:
    """Return what a data set says that a policy does not approve, in one pass and flat memory.

    A word is approved if it is in the dictionary, in the policy's allowed words, or in the row's own intents. Denied
    terms are looked for in prompts and intents alike.
    """
    rows = unreadable = words = 0
    denied, unapproved = _Tally(), _Tally()

    @lru_cache(maxsize=1 << 16)
    def denied_in_intent(value: str) -> tuple[Finding, ...]:
        return tuple(policy.findings(value))

    def findings(row: PromptRow) -> Iterator[tuple[Finding, str]]:
        yield from ((finding, row.prompt) for finding in policy.findings(row.prompt))
        for value in row.intents:
            yield from ((finding, f"intent: {value}") for finding in denied_in_intent(value))

    with metering("audit", "prompts", prompts.total) as meter:
        for row in prompts.read():
            meter.advance()
            rows += 1
            if row is None:
                unreadable += 1
                continue
            split = terms(row.prompt)
            words += len(split)
            own = frozenset(term for value in row.intents for term in terms(value))
            for term in split:
                if not policy.approves(term, own):
                    unapproved.add(term.strip("'"), None, row.prompt)
            for finding, text in findings(row):
                denied.add(finding.term, finding.category, text)
    return Audit(rows, unreadable, words, denied.sorted(), unapproved.sorted(), denied.dropped + unapproved.dropped)


def _excerpt(text: str, term: str) -> str:
    """Return the text on one line, cut to where the term stands if it is long."""
    line = " ".join(text.split())
    if len(line) <= _EXCERPT:
        return line
    start = max(0, min(line.casefold().find(term) - _EXCERPT // 2, len(line) - _EXCERPT))
    return f"{'...' if start else ''}{line[start : start + _EXCERPT]}{'...' if start + _EXCERPT < len(line) else ''}"
