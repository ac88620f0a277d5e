"""Drawing combinations of intents that make sense together, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from promptlet.intents.graph import Graph
from promptlet.tasks import Task
from promptlet.types import Intent, Intents, intents_key

SIZES = range(2, 6)
"""How many intents a combination may have."""
_ALIAS_SHARE = 0.15
_TRIES = 200


def draw_intents(graph: Graph, task: Task, chance: random.Random, sizes: range = SIZES) -> Intents:
    """Return one combination: a topic, the kinds that the task always has, then kinds that fit them.

    A neighbour is drawn with the product of the weights of its edges to what was drawn before; a missing edge
    counts a little, except to the topic, where there must be one.
    """
    topic = chance.choice(graph.nodes("Topic"))
    chosen = [topic]
    size = chance.choice(sizes)
    optional = [kind for kind in task.kinds if kind not in task.always]
    chance.shuffle(optional)
    for kind in [*(kind for kind in task.always if kind != "Topic"), *optional]:
        if len(chosen) >= max(size, len(task.always)):
            break
        weights = {
            node: _fit(graph, node, chosen) for node in graph.neighbours[topic].get(kind, {}) if node not in chosen
        }
        if weights:
            chosen.append(chance.choices(list(weights), list(weights.values()))[0])
    ordered = sorted(chosen, key=lambda intent: task.kinds.index(intent.kind))
    return tuple(_maybe_alias(graph, intent, chance) for intent in ordered)


def sample_intents(graph: Graph, task: Task, count: int, seed: int, sizes: range = SIZES) -> Iterator[Intents]:
    """Yield `count` different combinations, fewer only if the graph has no more to give."""
    chance = random.Random(f"{seed}:{task.name}")
    seen: set[str] = set()
    failures = 0
    while len(seen) < count and failures < _TRIES:
        intents = draw_intents(graph, task, chance, sizes)
        key = intents_key(intents)
        if key in seen:
            failures += 1
            continue
        failures = 0
        seen.add(key)
        yield intents


def _fit(graph: Graph, node: Intent, chosen: list[Intent]) -> float:
    product = 1.0
    for other in chosen:
        product *= graph.neighbours[other].get(node.kind, {}).get(node, 0.5)
    return product


def _maybe_alias(graph: Graph, intent: Intent, chance: random.Random) -> Intent:
    aliases = graph.aliases[intent]
    if aliases and chance.random() < _ALIAS_SHARE:
        return Intent(intent.kind, chance.choice(aliases))
    return intent
