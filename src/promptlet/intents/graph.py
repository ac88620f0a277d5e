"""The creative knowledge graph (paper, section 3.1.1): typed nodes, and weighted edges between nodes that go together.

One YAML file per kind in ``graph/``. A node is an entry; under it stand its aliases and, per kind, its neighbours,
ordered from the most typical to the least. Edges are written on one side and hold in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from threading import Lock

from promptlet.errors import UsageError, unread
from promptlet.io.atomic import value_digest
from promptlet.io.yaml import parse_yaml
from promptlet.registry import unknown
from promptlet.types import KINDS, Intent, Intents

ALIASES = "aliases"
SOURCE = "creative graph"
"""What samples drawn from a graph name as their source."""
KIND_KEYS: Mapping[str, str] = {kind.lower().replace(" ", "_"): kind for kind in KINDS}
"""A kind as the graph's files write it: ``scene_object``."""
_FIRST_WEIGHT, _LAST_WEIGHT = 3.0, 1.0
_READING = Lock()


Entries = Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]
"""Kind -> node -> key (`aliases`, or a kind's file name without its ending) -> names."""


class Graph:
    """Nodes are intents. Those who only ask for names do not wait for the edges."""

    def __init__(self, entries: Entries) -> None:
        """Take well-formed entries, whose edges end at nodes."""
        self._entries = entries
        self.aliases: dict[Intent, Sequence[str]] = {}
        self._named: dict[tuple[str, str], Intent] = {}
        for kind, nodes in entries.items():
            for value, details in nodes.items():
                node = Intent(kind, value)
                self.aliases[node] = details.get(ALIASES, ())
                for name in self.names(node)[::-1]:
                    self._named[kind, name.casefold()] = node

    @cached_property
    def neighbours(self) -> Mapping[Intent, Mapping[str, Mapping[Intent, float]]]:
        """Node -> kind -> neighbour of that kind -> the edge's weight, the larger one where it is written twice."""
        found: dict[Intent, dict[str, dict[Intent, float]]] = {node: {} for node in self.aliases}
        for one, other, weight in read_edges(self._entries):
            for start, end in ((one, other), (other, one)):
                ends = found[start].setdefault(end.kind, {})
                ends[end] = max(weight, ends.get(end, 0.0))
        return found

    def ranked(self, node: Intent) -> dict[str, list[Intent]]:
        """Return a node's neighbours by kind: as its own lists order them, then those in whose lists it stands.

        Among the latter those come first that share a word with it: how typical a node is for another says little
        about how typical that one is for it.
        """
        own = {KIND_KEYS[key]: names for key, names in self._entries[node.kind][node.value].items() if key != ALIASES}
        words = set(node.value.split())
        found = {}
        for kind, ends in self.neighbours[node].items():
            listed = [Intent(kind, name) for name in own.get(kind, ())]
            others = sorted(
                ends.keys() - set(listed),
                key=lambda end: (words.isdisjoint(end.value.split()), -ends[end], end.value),
            )
            found[kind] = [*listed, *others]
        return found

    def nodes(self, kind: str | None = None) -> list[Intent]:
        """Return all nodes, or those of one kind, in file order."""
        return [node for node in self.aliases if kind is None or node.kind == kind]

    def names(self, node: Intent) -> tuple[str, ...]:
        """Return a node's value and its aliases."""
        return (node.value, *self.aliases[node])

    def edges(self) -> int:
        """Return the number of undirected edges."""
        return sum(len(ends) for kinds in self.neighbours.values() for ends in kinds.values()) // 2

    def find(self, kind: str, name: str) -> Intent | None:
        """Return the node of a kind with this name or alias, whatever its case."""
        return self._named.get((kind, name.casefold()))

    def search(self, name: str) -> list[Intent]:
        """Return the nodes that ``name`` or ``Kind: name`` means, by value or alias.

        Raises:
            UsageError: if there is none; it names the nearest.
        """
        kind, colon, value = name.partition(":")
        if colon:
            wanted = Intent.of(kind, value)
            found = [node for node in (self.find(wanted.kind, wanted.value),) if node]
        else:
            found = [node for each in KINDS if (node := self.find(each, " ".join(name.split())))]
        if not found:
            near = get_close_matches(name.casefold(), sorted({name for _, name in self._named}), n=5)
            raise UsageError(f"the graph has no '{name}'{'; near: ' + ', '.join(near) if near else ''}")
        return found

    def canonical(self, intents: Iterable[Intent]) -> Intents:
        """Return the intents with each alias replaced by its node; what the graph does not know stays as it is."""
        return tuple(self.find(intent.kind, intent.value) or intent for intent in intents)


def kind_file(kind: str) -> str:
    """Return the name of the file that holds the nodes of a kind: ``scene_object.yaml``."""
    return f"{kind.lower().replace(' ', '_')}.yaml"


def load_graph(folder: Path | None = None) -> Graph:
    """Return the graph in a folder, or the packaged one; it is read once, and who asks meanwhile waits.

    Raises:
        UsageError: naming the first thing that is wrong with it.
    """
    with _READING:
        return _load(folder)


@cache
def _load(folder: Path | None) -> Graph:
    entries = read_entries(folder)
    for problem in malformed(entries):
        raise UsageError(f"the graph: {problem}")
    for one, kind, names in _neighbours(entries):
        for name in names:
            if name not in entries[kind]:
                raise UsageError(f"the graph: the edge from '{one}' ends at '{Intent(kind, name)}', which is no node")
    return Graph(entries)


def graph_digest(folder: Path | None = None) -> str:
    """Return a digest of a graph's files."""
    return value_digest(read_texts(folder))


def read_entries(folder: Path | None = None) -> Entries:
    """Return what a graph's files say, as they say it.

    Raises:
        UsageError: for a file that is missing, or is no YAML mapping.
    """
    entries = {}
    for kind, text in read_texts(folder).items():
        nodes = parse_yaml(text, f"the graph: {kind_file(kind)}") or {}
        if not isinstance(nodes, dict):
            raise UsageError(f"the graph: {kind_file(kind)} is not a mapping from nodes to their neighbours")
        entries[kind] = {value: details or {} for value, details in nodes.items()}
    return entries


def malformed(entries: Entries) -> Iterator[str]:
    """Yield what is wrong with the form of entries: names that are no text, keys that are no kind."""
    for kind, nodes in entries.items():
        for value, details in nodes.items():
            where = f"{kind_file(kind)}: the node {value!r}"
            if not isinstance(value, str):
                yield f"{where} is no text; quote it"
            elif not isinstance(details, dict):
                yield f"{where} holds no mapping from kinds to lists"
            else:
                for key, names in details.items():
                    if key != ALIASES and key not in KIND_KEYS:
                        yield f"{where} has an {unknown('key', str(key), (ALIASES, *KIND_KEYS))}"
                    elif not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                        yield f"{where} has under '{key}' something else than a list of names: {names!r}"


def read_edges(entries: Entries) -> Iterator[tuple[Intent, Intent, float]]:
    """Yield the edges of well-formed entries with their weights, from first to last in a list."""
    for one, kind, names in _neighbours(entries):
        for index, name in enumerate(names):
            share = index / max(1, len(names) - 1)
            yield one, Intent(kind, name), _FIRST_WEIGHT + (_LAST_WEIGHT - _FIRST_WEIGHT) * share


def _neighbours(entries: Entries) -> Iterator[tuple[Intent, str, Sequence[str]]]:
    """Yield each node with its neighbours of each kind."""
    for kind, nodes in entries.items():
        for value, details in nodes.items():
            for key, names in details.items():
                if key != ALIASES:
                    yield Intent(kind, value), KIND_KEYS[key], names


def read_texts(folder: Path | None = None) -> dict[str, str]:
    """Return the text of each kind's file; a kind without a file has no nodes.

    Raises:
        UsageError: if the folder can't be read, holds YAML files of other names, or no topics.
    """
    root = folder or resources.files(__name__.rpartition(".")[0]) / "graph"
    try:
        texts = {file.name: file.read_text(encoding="utf-8") for file in root.iterdir() if file.name.endswith(".yaml")}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the graph in {root} can't be read: {unread(error)}") from error
    kinds = {kind_file(kind): kind for kind in KINDS}
    for name in texts:
        if name not in kinds:
            raise UsageError(f"the graph in {root} has an {unknown('file', name, kinds)}")
    if kind_file("Topic") not in texts:
        raise UsageError(f"the graph in {root} has no {kind_file('Topic')}")
    return {kind: texts.get(name, "") for name, kind in kinds.items()}
