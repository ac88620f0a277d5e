"""Combinations of intents sampled per second, against a naive sampler in the same run.

python benchmarks/sampling.py [--count 20000] [--json FILE]
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from facts import publish

from promptlet.intents.graph import Graph, load_graph
from promptlet.intents.sampling import SIZES, Sampler
from promptlet.tasks import Task, load_task
from promptlet.types import Intent, Intents

NAIVE_COUNT = 500
ROUNDS = 3


def main() -> None:
    """Print both rates, in processor time, and their ratio; the best of three rounds each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    graph, task = load_graph(), load_task("t2i")
    sampler = Sampler(graph, task)
    fast, slow = 0.0, 0.0
    for seed in range(ROUNDS):
        fast = max(fast, rate(partial(sampler.stream, arguments.count, seed), arguments.count))
        slow = max(slow, rate(partial(naive, graph, task, seed), NAIVE_COUNT))
    result = {
        "nodes": len(graph.nodes()),
        "edges": graph.edges(),
        "intents/s": round(fast),
        "naive: intents/s": round(slow),
        "times as fast": round(fast / slow, 1),
    }
    publish(result, arguments.json)


def rate(stream: Callable[[], Iterator[Intents]], count: int) -> float:
    """Return combinations per second of processor time."""
    start = time.process_time()
    drawn = sum(1 for _ in islice(stream(), count))
    return drawn / (time.process_time() - start)


def naive(graph: Graph, task: Task, seed: int) -> Iterator[Intents]:
    """Yield combinations, each node drawn by its weight among all nodes of its kind, edges looked up anew."""
    rng = random.Random(seed)
    optional = [kind for kind in task.kinds if kind not in task.always]
    while True:
        drawn = [rng.choice(graph.nodes("Topic"))]
        kinds = [*(kind for kind in task.always if kind != "Topic"), *rng.sample(optional, len(optional))]
        for kind in kinds[: rng.choice(SIZES) - 1]:
            candidates = graph.nodes(kind)
            weights = [_fit(graph, drawn, node) for node in candidates]
            if any(weights):
                drawn.append(rng.choices(candidates, weights)[0])
        yield tuple(sorted(drawn, key=lambda node: task.kinds.index(node.kind)))


def _fit(graph: Graph, drawn: list[Intent], node: Intent) -> float:
    product = float(node in graph.neighbours[drawn[0]].get(node.kind, {}))
    for other in drawn:
        product *= graph.neighbours[other].get(node.kind, {}).get(node, 0.5)
    return product


if __name__ == "__main__":
    main()
