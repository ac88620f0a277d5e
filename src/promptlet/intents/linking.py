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
from promptlet.lemmas import alike, same_noun, stem, stems, terms
from promptlet.types import KINDS, Intent, Intents
from promptlet.vocabulary import in_dictionary

DEFAULT_THRESHOLD = 0.7
"""Cosine similarity from which a keyword counts as another name of a node (all-MiniLM-L6-v2)."""
MAX_INTENTS = 5
_FIELD_KINDS = {"design_type": ("Design type",), "colors": ("Color",)}
"""Fields that can only mean one kind; the others may mean any."""
_NEVER_FROM = {"keywords": ("Design type", "Audience"), "description": ("Design type",)}
"""Kinds that a field does not mean: the keyword "woman" says who is in a picture, "banner" what is."""
_PROSE = ("title", "description")
_THINGS = ("Scene object", "Setting", "Design type", "Material", "Audience")
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
        self._names: list[Intent] = []
        """All names of all nodes, each as an intent of its own: an asset keeps its wording."""
        for node in graph.nodes():
            for name in (node.value, *graph.aliases[node]):
                said = tuple(terms(name))
                self._by_stems.setdefault(_stemmed(said), []).append((said, Intent(node.kind, name)))
                self._names.append(Intent(node.kind, name))
        self._own_words = frozenset(word for names in self._by_stems.values() for said, _ in names for word in said)
        self._vectors: Vectors | None = embedder.embed([name.value for name in self._names]) if embedder else None
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
        found: dict[str, list[Intent]] = {}
        unknown: list[str] = []
        for name, phrase in _phrases(asset):
            meanings = self._in_prose(phrase) if name in _PROSE else self._meanings(phrase, name)
            for intent in meanings:
                if intent.kind in _FIELD_KINDS.get(name, KINDS) and intent.kind not in _NEVER_FROM.get(name, ()):
                    found.setdefault(intent.kind, []).append(intent)
            if not meanings and name == "keywords":
                unknown.append(phrase)
                self._count(phrase)
        topic = self._topic(asset, found.pop("Topic", []), unknown)
        if topic is None:
            return ()
        chosen = [topic]
        # A design type says most, then in the order of the kinds.
        for kind in sorted(found, key=lambda kind: (kind != "Design type", KINDS.index(kind))):
            free = (intent for intent in found[kind] if not any(_says_again(intent, other) for other in chosen))
            chosen.extend(islice(free, 1))
        return tuple(sorted(chosen[:MAX_INTENTS], key=lambda intent: KINDS.index(intent.kind)))

    def _topic(self, asset: Asset, known: list[Intent], unknown: list[str]) -> Intent | None:
        """Return the topic: one of the graph that the title names, the title itself, or what else is known."""
        title = terms(asset.title)
        in_title = (intent for intent in known if 2 * len(terms(intent.value)) > len(title))
        named = next((intent for intent in in_title if intent in self._in_prose(asset.title)), None)
        if named:
            return named
        if self._can_be_topic(asset.title):
            return Intent("Topic", asset.title.casefold())
        if known:
            return known[0]
        free = next(filter(self._can_be_topic, (*unknown, *asset.category)), None)
        return Intent("Topic", free.casefold()) if free else None

    def _in_prose(self, text: str) -> list[Intent]:
        """Return the nodes whose names stand in a text, the longest first; an audience is one only after "for"."""
        said, found = tuple(terms(text)), []
        for length in range(_LONGEST_NAME, 0, -1):
            for start in range(len(said) - length + 1):
                for intent in self._named(said[start : start + length]):
                    whole = length == len(said)
                    if intent.kind == "Audience" and "for" not in said[max(0, start - 1) : start]:
                        continue
                    if not (intent.kind == "Design type" and whole):  # a picture of a poster is no poster
                        found.append(intent)
        return found

    def _meanings(self, phrase: str, name: str) -> list[Intent]:
        """Return the nodes that a phrase names as a whole."""
        found = self._named(tuple(terms(phrase)))
        if found or name != "keywords":
            return found
        near = self._near.get(phrase)
        return [near] if near else []

    def _named(self, said: _Words) -> list[Intent]:
        """Return the nodes with a name of these words, first as they are, then in other forms."""
        found = self._by_stems.get(_stemmed(said), ())
        exact = [intent for words, intent in found if words == said]
        near = [intent for words, intent in found if words != said and _other_form(intent.kind, words, said)]
        return list(dict.fromkeys(exact + near))

    def _look_up(self, keywords: Iterable[str]) -> None:
        """Find the nearest node of keywords that no name matches, many at once."""
        if self._embedder is None or self._vectors is None:
            return
        if len(self._near) > _REMEMBERED:
            self._near.clear()
        new = [
            each for each in dict.fromkeys(keywords) if each not in self._near and not self._named(tuple(terms(each)))
        ]
        if not new:
            return
        likeness = self._embedder.embed(new) @ self._vectors.T
        for keyword, row in zip(new, likeness, strict=True):
            best = int(np.argmax(row))
            self._near[keyword] = self._names[best] if row[best] >= self._threshold else None

    def _count(self, phrase: str) -> None:
        self.unknown[phrase.casefold()] += 1
        if len(self.unknown) > _REMEMBERED:
            self.unknown = Counter(dict(self.unknown.most_common(_REMEMBERED // 2)))

    def _can_be_topic(self, text: str) -> bool:
        """Return whether a text is one to four words of English: no file name, no number."""
        said = terms(text)
        return 1 <= len(said) <= _LONGEST_NAME and all(
            word in self._own_words or (word.isalpha() and len(word) > 1 and in_dictionary(word)) for word in said
        )


def _other_form(kind: str, words: _Words, said: _Words) -> bool:
    """Return whether words are a name in another form; a thing is the same in another number only."""
    return all(map(same_noun if kind in _THINGS else alike, words, said))


def _says_again(intent: Intent, other: Intent) -> bool:
    """Return whether one of two intents holds all words of the other."""
    one, two = set(stems(intent.value)), set(stems(other.value))
    return one <= two or two <= one


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
