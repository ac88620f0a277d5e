"""Finding what is wrong with a creative graph before anybody samples from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import yaml

from promptlet.intents.graph import (
    ALIASES,
    KIND_KEYS,
    Entries,
    kind_file,
    malformed,
    read_edges,
    read_entries,
    read_texts,
)
from promptlet.io.yaml import SAFE_LOADER, duplicate_keys
from promptlet.types import MAX_VALUE_CHARACTERS, Intent
from promptlet.vocabulary import load_policy


def check_graph(folder: Path | None = None) -> list[str]:
    """Return one line per problem of the graph in a folder, or of the packaged one; none if it is sound.

    Raises:
        UsageError: for a file that is missing, or is no YAML mapping.
    """
    if twice := list(_duplicate_keys(read_texts(folder))):
        return twice
    entries = read_entries(folder)
    if problems := list(malformed(entries)):
        return problems
    return [*_edges(entries), *_names(entries), *_lonely(entries)]


def _duplicate_keys(texts: dict[str, str]) -> Iterator[str]:
    """Yield keys that YAML would silently take the last of."""
    for kind, text in texts.items():
        with suppress(yaml.YAMLError):  # whoever reads the entries says what is wrong
            for key in duplicate_keys(yaml.compose(text, SAFE_LOADER)):
                yield f"{kind_file(kind)}:{key.start_mark.line + 1}: '{key.value}' is there twice"


def _edges(entries: Entries) -> Iterator[str]:
    """Yield edges that end nowhere, end at their own node, or stand twice in one list."""
    seen: set[tuple[Intent, Intent]] = set()
    kindless: Counter[str] = Counter()
    for one, other, _ in read_edges(entries):
        where = f"{kind_file(one.kind)}: the edge from '{one.value}' to '{other}'"
        if not entries[other.kind]:
            kindless[other.kind] += 1
        elif other.value not in entries[other.kind]:
            yield f"{where} ends at no node"
        if one == other:
            yield f"{where} goes nowhere"
        if (one, other) in seen:
            yield f"{where} is there twice"
        seen.add((one, other))
    for kind, number in kindless.items():
        yield f"{kind_file(kind)}: it is missing or holds no node, and {number} edges end at nodes of this kind"


def _names(entries: Entries) -> Iterator[str]:
    """Yield names that two nodes of a kind share, and names that no intent may have."""
    for kind, nodes in entries.items():
        owners: dict[str, str] = {}
        for value, details in nodes.items():
            for name in (value, *details.get(ALIASES, ())):
                where = f"{kind_file(kind)}: '{name}'"
                other = owners.setdefault(name.casefold(), value)
                if other != value or (name != value and name.casefold() == value.casefold()):
                    yield f"{where} names both '{other}' and '{value}'"
                if name != " ".join(name.split()) or not 1 <= len(name) <= MAX_VALUE_CHARACTERS:
                    yield f"{where} has odd spaces, or not 1 to {MAX_VALUE_CHARACTERS} characters"
                if finding := load_policy().find_denied(name):
                    yield f"{where} holds the denied term {finding}"


def _lonely(entries: Entries) -> Iterator[str]:
    """Yield nodes without an edge: they can never be drawn."""
    joined = {end for one, other, _ in read_edges(entries) for end in (one, other)}
    for kind in KIND_KEYS.values():
        for value in entries[kind]:
            if Intent(kind, value) not in joined:
                yield f"{kind_file(kind)}: '{value}' has no edge"
