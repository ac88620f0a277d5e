"""From metadata to intents: finding the graph's nodes that an asset speaks of, and what the graph does not know yet.

A keyword is linked by its name or alias, then by other forms of its words, then by the nearest node in meaning if that
is near enough. What stays unlinked is proposed as a new node, for a person to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from promptlet.embedding import Embedder, Vectors
from promptlet.intents.graph import Graph
from promptlet.intents.metadata import Asset
from promptlet.lemmas import alike, stem, terms
from promptlet.types import KINDS, Intent, Intents
from promptlet.vocabulary import load_policy

DEFAULT_THRESHOLD = 0.7
"""Cosine similarity from which a keyword counts as another name of a node (all-MiniLM-L6-v2)."""
MAX_INTENTS = 5
_FIELD_KINDS = {"design_type": ("Design type",), "colors": ("Color",)}
"""Fields that can only mean one kind; the others may mean any."""
_BATCH = 512
_LONGEST_NAME = 4
"""Words of a node's name that is looked for inside titles and descriptions, and of a new topic."""
_REMEMBERED = 200_000
"""Different keywords kept in memory; beyond, the rarest half is forgotten."""


_Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Linked:
    """What one asset is about; `intents` is empty where nothing was found."""

    asset: Asset
    intents: Intents


class Linker:
    """Links assets to a graph, and counts the keywords that it does not know in `unknown`."""

    def __init__(self, graph: Graph, embedder: Embedder | None = None, threshold: float = DEFAULT_THRESHOLD) -> None:
        self._embedder, self._threshold = embedder, threshold
        self._by_stems: dict[_Words, list[tuple[_Words, Intent]]] = {}
        names = [(name, node) for node in graph.nodes() for name in (node.value, *graph.aliases[node])]
        for name, node in names:
            said = tuple(terms(name))
            self._by_stems.setdefault(_stemmed(said), []).append((said, node))
        self._nodes = [node for _, node in names]
        self._vectors: Vectors | None = embedder.embed([name for name, _ in names]) if embedder else None
        self._near: dict[str, Intent | None] = {}
        self.unknown: Counter[str] = Counter()

    def link(self, assets: Iterable[Asset]) -> Iterator[Linked]:
        """Yield what each asset is about, in order, in flat memory."""
        assets = iter(assets)
        while batch := list(islice(assets, _BATCH)):
            self._look_up(keyword for asset in batch for keyword in asset.keywords)
            for asset in batch:
                yield Linked(asset, self._intents(asset))

    def _intents(self, asset: Asset) -> Intents:
        """Return at most one intent per kind, a topic among them, from the most telling field to the least."""
        found: dict[str, Intent] = {}
        unknown: list[str] = []
        for name, phrase in _phrases(asset):
            nodes = [node for node in self._meanings(phrase, name) if node.kind in _FIELD_KINDS.get(name, KINDS)]
            free = next((node for node in nodes if node.kind not in found), None)
            if free is not None and all(free.value.casefold() != other.value.casefold() for other in found.values()):
                found[free.kind] = free
            if not nodes and name == "keywords":
                unknown.append(phrase)
                self._count(phrase)
        if "Topic" not in found:
            topic = next(filter(_can_be_topic, (asset.title, *unknown, *asset.category)), None)
            if topic is None:
                return ()
            found["Topic"] = Intent("Topic", topic.casefold())
        chosen = [found.pop("Topic"), *found.values()][:MAX_INTENTS]
        return tuple(sorted(chosen, key=lambda intent: KINDS.index(intent.kind)))

    def _meanings(self, phrase: str, name: str) -> list[Intent]:
        """Return the nodes that a phrase names; prose is searched for names, from the longest."""
        said = tuple(terms(phrase))
        if name in ("title", "description"):
            spans = (
                said[start : start + length]
                for length in range(_LONGEST_NAME, 0, -1)
                for start in range(len(said) - length + 1)
            )
            return [node for span in spans for node in self._named(span)]
        nodes = self._named(said)
        if nodes or name != "keywords":
            return nodes
        near = self._near.get(phrase)
        return [near] if near else []

    def _named(self, said: _Words) -> list[Intent]:
        """Return the nodes with a name of these words, first as they are, then in other forms."""
        found = self._by_stems.get(_stemmed(said), ())
        exact = [node for words, node in found if words == said]
        near = [node for words, node in found if words != said and all(map(alike, words, said))]
        return list(dict.fromkeys(exact + near))

    def _look_up(self, keywords: Iterable[str]) -> None:
        """Find the nearest node of keywords that no name matches, many at once."""
        if self._embedder is None or self._vectors is None:
            return
        if len(self._near) > _REMEMBERED:
            self._near.clear()
        new = [each for each in dict.fromkeys(keywords) if each not in self._near and not self._named(tuple(terms(each)))]
        if not new:
            return
        likeness = self._embedder.embed(new) @ self._vectors.T
        for keyword, row in zip(new, likeness, strict=True):
            best = int(np.argmax(row))
            self._near[keyword] = self._nodes[best] if row[best] >= self._threshold else None

    def _count(self, phrase: str) -> None:
        self.unknown[phrase.casefold()] += 1
        if len(self.unknown) > _REMEMBERED:
            self.unknown = Counter(dict(self.unknown.most_common(_REMEMBERED // 2)))


def _stemmed(said: _Words) -> _Words:
    return tuple(map(stem, said))


def _phrases(asset: Asset) -> Iterator[tuple[str, str]]:
    """Yield (field, phrase), the most telling first."""
    for name in ("design_type", "category"):
        yield from ((name, phrase) for phrase in getattr(asset, name))
    if asset.title:
        yield "title", asset.title
    for name in ("keywords", "colors"):
        yield from ((name, phrase) for phrase in getattr(asset, name))
    if asset.description:
        yield "description", asset.description


def _can_be_topic(text: str) -> bool:
    return (
        1 <= len(terms(text)) <= _LONGEST_NAME
        and any(c.isalpha() for c in text)
        and not load_policy().find_denied(text)
    )
