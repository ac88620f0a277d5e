"""How much of the creative graph the pairs use: which nodes occur, how often, and which never do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from promptlet.intents.graph import Graph, graph_digest, load_graph
from promptlet.intents.splits import is_unseen, split_of
from promptlet.reports.document import Block, Section, Table, Text, percent
from promptlet.reports.runs import StageData
from promptlet.reports.shards import Shards
from promptlet.types import KINDS, Intent

_SHOWN, _STRAYS_SAMPLE = 15, 10_000


def graph_coverage(shards: Shards, intents: StageData | None, folder: Path | None, seed: int) -> Section:
    """Return the section about how much of a graph the pairs use.

    Args:
        shards: the run's.
        intents: the stage that knows the digest of the graph that the run drew from.
        folder: of a graph, None for the packaged one; that it is another one is said.
        seed: draws the pairs whose split is looked up.

    Raises:
        UsageError: if the graph can't be read.
    """
    title = "Coverage of the creative graph"
    if intents is None:
        return Section(title, [Text("The run's intents stage is not there, so nobody knows which graph it drew from.")])
    graph = load_graph(folder)
    uses, foreign = _count(shards, graph)
    blocks: list[Block] = []
    if graph_digest(folder) != intents.manifest.configuration["graph"]:
        said = str(folder) if folder else "today's packaged one (--graph names another)"
        blocks.append(Text(f"The run drew from another graph; the shares are those of {said}."))
    return Section(title, [*blocks, _strays(shards, graph, seed), *_tables(graph, uses, foreign)])


def _count(shards: Shards, graph: Graph) -> tuple[Counter[Intent], int]:
    """Return how many pairs have each node, and how many intents are no node."""
    uses: Counter[Intent] = Counter()
    foreign = 0
    query = "SELECT i.kind, i.value, count(*) FROM (SELECT unnest(intents) AS i FROM pairs) GROUP BY ALL"
    for kind, value, count in shards.stream(query):
        node = graph.find(kind, value)
        if node is None:
            foreign += count
        else:
            uses[node] += count
    return uses, foreign


def _strays(shards: Shards, graph: Graph, seed: int) -> Text:
    """Say how many pairs now have intents of another split: curation may drop some after the split was chosen."""
    drawn = shards.draw(_STRAYS_SAMPLE, seed, "{'intents': intents, 'split': split}")
    pairs = [pair for each in drawn.values() for pair in each]
    strays: Counter[str] = Counter()
    for pair in pairs:
        now = split_of(graph, tuple(Intent(each["kind"], each["value"]) for each in pair["intents"]))
        if now != pair["split"]:
            strays[f"{pair['split']} with intents of {now}"] += 1
    said = ", ".join(f"{what} {count:,}" for what, count in strays.most_common()) or "none"
    return Text(
        f"Splits: of {len(pairs):,} pairs drawn with the seed {seed}, {strays.total():,} have intents that belong to "
        f"another split than the pair ({said}). Intents dropped from a label can do that, and so can a graph or "
        "a rule of splitting that has changed since."
    )


def _tables(graph: Graph, uses: Counter[Intent], foreign: int) -> list[Block]:
    rows = []
    for kind in KINDS:
        nodes = graph.nodes(kind)
        used = [node for node in nodes if uses[node]]
        occurrences = sum(uses[node] for node in nodes)
        share = round(100 * len(used) / max(1, len(nodes)), 1)
        rows.append((kind, len(nodes), len(used), share, occurrences))
    nodes = graph.nodes()
    never = [node for node in nodes if not uses[node]]
    held_out = sum(map(is_unseen, never))
    ranked = sorted((node for node in nodes if uses[node]), key=lambda node: (-uses[node], str(node)))
    head = ("Node", "Pairs")
    said = (
        f"{len(ranked):,} of {len(nodes):,} nodes occur ({percent(len(ranked), len(nodes))}). "
        f"{len(never):,} never do, of which {held_out:,} are held out on purpose: the unseen-node test has them. "
        f"{foreign:,} intents of the pairs are no node of the graph. A name counts for the node that it is an alias of."
    )
    return [
        Text(said),
        Table(("Kind", "Nodes", "Occur", "Per cent", "Uses"), rows, "Share of nodes that occur, per kind", bar=3),
        Table(head, [(str(node), uses[node]) for node in ranked[:_SHOWN]], "The most frequent nodes", bar=1),
        Table(head, [(str(node), uses[node]) for node in ranked[-_SHOWN:]], "The least frequent nodes that occur"),
        Table(
            ("Node",),
            [(str(node),) for node in never if not is_unseen(node)][: 4 * _SHOWN],
            f"Nodes that never occur though they may, the first {4 * _SHOWN}",
            folded=True,
        ),
    ]
