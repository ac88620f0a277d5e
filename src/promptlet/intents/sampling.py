"""Drawing combinations of intents that make sense together, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from promptlet.intents.graph import Graph
from promptlet.tasks import Task
from promptlet.types import Intent, Intents

SIZES = range(2, 6)
"""How many intents a combination may have."""
_ALIAS_SHARE = 0.15
_NO_EDGE = 0.5
"""What a missing edge to a node that was drawn before counts; edges weigh 1 to 3."""
_TRIES = 200


class Sampler:
    """Draws combinations for one task from one graph.

    A combination is a topic, the kinds that the task always has, then kinds in random order. A node is drawn among
    the topic's neighbours, or where the topic has none of that kind, among those of the other nodes, with the product
    of the weights of its edges to all that was drawn before.
    """

    def __init__(self, graph: Graph, task: Task) -> None:
        self._graph, self._task = graph, task
        # Numbers instead of intents: drawing is mostly looking up, and an intent is slow to hash.
        self._nodes = graph.nodes()
        number = {node: index for index, node in enumerate(self._nodes)}
        self._topics = [number[node] for node in graph.nodes("Topic")]
        self._names = [node.value.casefold() for node in self._nodes]
        self._near: list[dict[str, list[int]]] = []
        self._weights: list[dict[int, float]] = []
        for node in self._nodes:
            kinds = {kind: ends for kind, ends in graph.neighbours[node].items() if kind in task.kinds}
            self._near.append({kind: [number[end] for end in ends] for kind, ends in kinds.items()})
            self._weights.append({number[end]: weight for ends in kinds.values() for end, weight in ends.items()})
        self._required = [kind for kind in task.always if kind != "Topic"]
        self._optional = [kind for kind in task.kinds if kind not in task.always]

    def stream(self, count: int, seed: int) -> Iterator[Intents]:
        """Yield `count` different combinations, fewer only if the graph has no more to give."""
        rng = random.Random(f"{seed}:{self._task.name}")
        seen: set[int] = set()
        failures = 0
        while len(seen) < count and failures < _TRIES:
            drawn = self._draw(rng)
            key = hash(frozenset(drawn))  # of small integers: the same in every process
            if key in seen:
                failures += 1
                continue
            failures = 0
            seen.add(key)
            yield self._named(drawn, rng)

    def _draw(self, rng: random.Random) -> list[int]:
        drawn = [rng.choice(self._topics)]
        size = max(rng.choice(SIZES), 1 + len(self._required))
        kinds = [*self._required, *rng.sample(self._optional, len(self._optional))]
        for kind in kinds:
            if len(drawn) >= size:
                break
            fits = self._fits(drawn, kind)
            if fits:
                drawn.append(rng.choices(list(fits), list(fits.values()))[0])
        return drawn

    def _fits(self, drawn: list[int], kind: str) -> dict[int, float]:
        """Return the nodes of a kind that go with what was drawn, weighted; none that says the same again."""
        candidates = self._near[drawn[0]].get(kind)
        if candidates is None:
            candidates = list(dict.fromkeys(end for node in drawn[1:] for end in self._near[node].get(kind, ())))
        names, weights = self._names, [self._weights[node] for node in drawn]
        said = [names[node] for node in drawn]
        fits = {}
        for end in candidates:
            name, product = names[end], 1.0
            if any(name in other for other in said):
                continue
            for ends in weights:
                product *= ends.get(end, _NO_EDGE)
            fits[end] = product
        return fits

    def _named(self, drawn: list[int], rng: random.Random) -> Intents:
        """Return the nodes as intents in the task's order, now and then under another name."""
        nodes = sorted((self._nodes[index] for index in drawn), key=lambda node: self._task.kinds.index(node.kind))
        return tuple(self._maybe_alias(node, rng) for node in nodes)

    def _maybe_alias(self, node: Intent, rng: random.Random) -> Intent:
        aliases = self._graph.aliases[node]
        return Intent(node.kind, rng.choice(aliases)) if aliases and rng.random() < _ALIAS_SHARE else node
