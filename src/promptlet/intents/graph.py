"""The creative knowledge graph (paper, section 3.1.1): typed nodes, and weighted edges between nodes that go together.

One YAML file per kind in ``graph/``. A node is an entry; under it stand its aliases and, per kind, its neighbours,
ordered from the most typical to the least. Edges are written on one side and hold in both directions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from promptlet.errors import UsageError
from promptlet.io.atomic import value_digest
from promptlet.types import KINDS, Intent

_FIRST_WEIGHT, _LAST_WEIGHT = 3.0, 1.0


@dataclass
class Graph:
    """Nodes are intents; `neighbours[node][kind]` maps each neighbour of that kind to the edge's weight."""

    aliases: dict[Intent, tuple[str, ...]] = field(default_factory=dict)
    neighbours: dict[Intent, dict[str, dict[Intent, float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )

    def nodes(self, kind: str | None = None) -> list[Intent]:
        """Return all nodes, or those of one kind, in file order."""
        return [node for node in self.aliases if kind is None or node.kind == kind]

    def edges(self) -> int:
        """Return the number of undirected edges."""
        return sum(len(ends) for kinds in self.neighbours.values() for ends in kinds.values()) // 2

    def connect(self, one: Intent, other: Intent, weight: float) -> None:
        """Add an edge, or strengthen it where it is there already."""
        for start, end in ((one, other), (other, one)):
            ends = self.neighbours[start][end.kind]
            ends[end] = max(weight, ends.get(end, 0.0))


def kind_file(kind: str) -> str:
    """Return the name of the file that holds the nodes of a kind: ``scene_object.yaml``."""
    return f"{kind.lower().replace(' ', '_')}.yaml"


@cache
def load_graph() -> Graph:
    """Return the packaged graph.

    Raises:
        UsageError: naming the first dangling edge or unknown key.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return build_graph({kind: yaml.load(text, loader) for kind, text in _files().items()})  # noqa: S506 (both are safe)


def graph_digest() -> str:
    """Return a digest of the packaged graph's files."""
    return value_digest(_files())


def _files() -> dict[str, str]:
    folder = resources.files(__name__.rpartition(".")[0]) / "graph"
    return {kind: (folder / kind_file(kind)).read_text(encoding="utf-8") for kind in KINDS}


def build_graph(entries: Mapping[str, Mapping[str, Any]]) -> Graph:
    """Return the graph of these entries: kind -> node -> {aliases: [...], KIND: [neighbours]}."""
    graph = Graph()
    for kind, nodes in entries.items():
        for value, details in nodes.items():
            graph.aliases[Intent(kind, str(value))] = tuple((details or {}).get("aliases", ()))
    for one, other, weight in _edges(entries):
        if other not in graph.aliases:
            raise UsageError(f"the graph's edge from '{one}' ends at '{other}', which is no node")
        graph.connect(one, other, weight)
    return graph


def _edges(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Intent, Intent, float]]:
    kinds = {kind_file(kind).removesuffix(".yaml"): kind for kind in KINDS}
    for kind, nodes in entries.items():
        for value, details in nodes.items():
            for key, ends in (details or {}).items():
                if key == "aliases":
                    continue
                if key not in kinds:
                    raise UsageError(f"the graph's node '{kind}: {value}' has an unknown key '{key}'")
                for place, end in enumerate(ends):
                    share = place / max(1, len(ends) - 1)
                    weight = _FIRST_WEIGHT + (_LAST_WEIGHT - _FIRST_WEIGHT) * share
                    yield Intent(kind, str(value)), Intent(kinds[key], str(end)), weight
