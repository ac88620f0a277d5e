"""From metadata to intents: finding the graph's nodes that an asset speaks of, and what the graph does not know yet.

A keyword is linked by its name or alias, then by other forms of its words, then by the nearest node in meaning if that
is near enough. What stays unlinked is proposed as a new node, for a person to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice

from promptlet import stemming
from promptlet.embedding import Embedder, Vectors
from promptlet.intents.graph import Graph
from promptlet.intents.mentions import Mentions
from promptlet.intents.metadata import Asset
from promptlet.stemming import terms
from promptlet.types import KINDS, Intent, Intents
from promptlet.vocabulary import in_dictionary

DEFAULT_THRESHOLD = 0.75
"""Cosine similarity from which a keyword counts as another name of a node (all-MiniLM-L6-v2)."""
_MOST = 5
"""Intents that are made of an asset."""
_NOT_MEANT: Mapping[str, tuple[str, ...]] = {
    "title": ("Audience",),
    "description": ("Audience", "Design type"),
    "keywords": ("Audience", "Design type"),
    "colors": tuple(kind for kind in KINDS if kind != "Color"),
}
"""Kinds that a field does not speak of: the keyword "woman" says who is in a picture, "banner" what is."""
_LONGEST_TOPIC = 4
"""Words of a new topic."""
_BATCH, _REMEMBERED = 512, 200_000
"""Assets that are looked at together, and different unknown keywords kept in memory."""

stems = lru_cache(1 << 16)(stemming.stems)  # the same phrases come again and again


class Linker:
    """Links assets to a graph, and counts the keywords that it does not know in `unknown`."""

    def __init__(self, graph: Graph, embedder: Embedder | None, threshold: float = DEFAULT_THRESHOLD) -> None:
        self._embedder, self._threshold = embedder, threshold
        self._mentions = Mentions(graph)
        self._names = [(name, node) for node in graph.nodes() for name in graph.names(node)]
        self._own_words = frozenset(word for name, _ in self._names for word in terms(name))
        self._vectors: Vectors | None = None
        self._near: dict[str, list[Intent]] = {}
        self.unknown: Counter[str] = Counter()

    def nearest(self, phrases: Sequence[str]) -> list[tuple[Intent, float]] | None:
        """Return the node nearest in meaning to each phrase, and the cosine of both; None without an embedder."""
        if self._embedder is None:
            return None
        if self._vectors is None:
            self._vectors = self._embedder.embed_once([name for name, _ in self._names])
        likeness = self._embedder.embed(phrases) @ self._vectors.T
        best = likeness.argmax(axis=1)
        return [(self._names[place][1], float(row[place])) for row, place in zip(likeness, best, strict=True)]

    def link(self, assets: Iterator[Asset]) -> Iterator[tuple[Asset, Intents]]:
        """Yield each asset with what it is about (nothing, if that is not known), in order, in flat memory."""
        while batch := list(islice(assets, _BATCH)):
            self._look_up(keyword for asset in batch for keyword in asset.keywords)
            for asset in batch:
                yield asset, self._intents(asset)
            if max(len(self.unknown), len(self._near)) > _REMEMBERED:  # the rarer half is forgotten
                self.unknown = Counter(dict(self.unknown.most_common(_REMEMBERED // 2)))
                self._near.clear()

    def _intents(self, asset: Asset) -> Intents:
        """Return a topic and at most one intent per other kind; none without a topic."""
        found: dict[str, list[Intent]] = {}
        unknown: list[str] = []
        for name, phrase in asset.phrases():
            whole = name not in ("title", "description")
            meanings = self._mentions.named(stems(phrase)) if whole else list(chain(*self._mentions.find(phrase)))
            if name == "keywords" and not meanings:
                meanings = self._near.get(phrase, [])
                unknown += [] if meanings else [phrase]
            for intent in meanings:
                if intent.kind not in _NOT_MEANT.get(name, ()):
                    found.setdefault(intent.kind, []).append(intent)
        self.unknown.update(map(str.casefold, unknown))
        chosen = list(islice(self._topics(asset, found.pop("Topic", []), unknown), 1))
        # A design type says most, then in the order of the kinds.
        for kind in sorted(found, key=lambda kind: (kind != "Design type", KINDS.index(kind))):
            new = (intent for intent in found[kind] if not any(_says_again(intent, other) for other in chosen))
            chosen += islice(new, 1 if chosen else 0)
        return tuple(sorted(chosen[:_MOST], key=lambda intent: KINDS.index(intent.kind)))

    def _topics(self, asset: Asset, known: list[Intent], unknown: list[str]) -> Iterator[Intent]:
        """Yield what can be the topic, the best first: the title, a topic of the graph, a keyword."""
        yield from (intent for intent in known if stems(intent.value) == stems(asset.title))
        yield from (Intent("Topic", title.casefold()) for title in (asset.title,) if self._can_be_topic(title))
        yield from known
        yield from (Intent("Topic", phrase.casefold()) for phrase in unknown if self._can_be_topic(phrase))

    def _can_be_topic(self, text: str) -> bool:
        """Return whether a text is one to four words of English: no file name, no number."""
        words = terms(text)
        return 1 <= len(words) <= _LONGEST_TOPIC and all(
            word in self._own_words or (word.isalpha() and len(word) > 1 and in_dictionary(word)) for word in words
        )

    def _look_up(self, keywords: Iterable[str]) -> None:
        """Find the node that is near in meaning to each keyword that no name matches, many at once."""
        if self._embedder is None:
            return
        new = [
            each for each in dict.fromkeys(keywords) if each not in self._near and not self._mentions.named(stems(each))
        ]
        if nearest := self.nearest(new) if new else None:
            for keyword, (node, likeness) in zip(new, nearest, strict=True):
                self._near[keyword] = [node] if likeness >= self._threshold else []


def _says_again(intent: Intent, other: Intent) -> bool:
    """Return whether one of two intents holds all words of the other."""
    one, two = set(stems(intent.value)), set(stems(other.value))
    return one <= two or two <= one
