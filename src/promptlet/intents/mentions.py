"""Finding the nodes of a graph that a text speaks of: the longest names first, by the stems of their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from promptlet.intents.graph import Graph
from promptlet.stemming import stems
from promptlet.types import Intent


class Mentions:
    """The names and aliases of a graph's nodes, by their stems; and those of further intents."""

    def __init__(self, graph: Graph, further: Iterable[Intent] = ()) -> None:
        self._named: dict[tuple[str, ...], list[Intent]] = {}
        names = ((node, name) for node in graph.nodes() for name in graph.names(node))
        for node, name in (*names, *((each, each.value) for each in further)):
            nodes = self._named.setdefault(stems(name), [])
            if node not in nodes:
                nodes.append(node)
        self._longest = max(map(len, self._named))

    def named(self, stemmed: tuple[str, ...]) -> list[Intent]:
        """Return the nodes that have a name of these stems."""
        return self._named.get(stemmed, [])

    def find(self, text: str) -> Iterator[list[Intent]]:
        """Yield the nodes that each name in the text means, in its order; no name lies within another."""
        stemmed, index = stems(text), 0
        while index < len(stemmed):
            for length in range(min(self._longest, len(stemmed) - index), 0, -1):
                if nodes := self.named(stemmed[index : index + length]):
                    yield nodes
                    index += length
                    break
            else:
                index += 1
