"""The frozen test sets: 500 combinations per task of the packaged graph, kept as files with their digests.

Combinations of `unseen_combinations` are new, their nodes are not. Each of `unseen_nodes` has a node whose names stand
in no training intents, whatever the kind. No stage asks a teacher for either, or trains on it: see `splits`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from promptlet.errors import PromptletError, UsageError
from promptlet.intents.graph import Graph, load_graph
from promptlet.intents.sampling import Sampler
from promptlet.intents.splits import TEST, UNSEEN, is_unseen, split_of
from promptlet.io.atomic import write_text
from promptlet.registry import unknown
from promptlet.stemming import stems
from promptlet.tasks import load_task
from promptlet.types import Intent, Intents, Sample

DIGESTS: Mapping[str, str] = {
    "unseen_combinations": "c4dc14be7d54ec042668d92f9c5db9902f58a50a06168b73e56dfd2d0ab3faf8",
    "unseen_nodes": "5da4ef5e7757d57dfe9a8c6617f0eb92ed184d53b7bb2fc214bf0b71c4d86a49",
}
"""Name -> SHA-256 of its file. Another digest is another test: results before and after can't be compared."""
_SPLITS = {"unseen_combinations": TEST, "unseen_nodes": UNSEEN}
TASKS = ("t2i", "t2t")
PER_TASK = 500
_SEED = 500
_DRAWN = 200_000
"""Combinations of which those of a test set are taken."""


def load_test_set(name: str) -> list[Sample]:
    """Return the combinations of a test set, as samples without a prompt, task by task in turn.

    Raises:
        UsageError: if there is none of that name.
        PromptletError: if its file is not the one that was frozen.
    """
    if name not in DIGESTS:
        raise UsageError(unknown("test set", name, DIGESTS))
    content = (resources.files(__package__) / "test_sets" / f"{name}.jsonl").read_bytes()
    if hashlib.sha256(content).hexdigest() != DIGESTS[name]:
        raise PromptletError(f"the test set '{name}' was changed: its digest is not {DIGESTS[name]}")
    rows = map(json.loads, content.decode().splitlines())
    return [
        Sample(tuple(Intent(*pair) for pair in row["intents"]), row["task"], "", name, _SPLITS[name]) for row in rows
    ]


def write_test_sets(folder: Path) -> dict[str, str]:
    """Draw the test sets from the packaged graph again, the same in every run; return the digests of the files."""
    drawn: dict[str, list[list[Intents]]] = {name: [] for name in DIGESTS}
    for task in TASKS:
        found = _draw(load_graph(), task)
        for name, combinations in drawn.items():
            combinations.append(found[name])
    digests = {}
    for name, per_task in drawn.items():
        rows = (
            {"task": task, "intents": [[intent.kind, intent.value] for intent in intents]}
            for turn in zip(*per_task, strict=True)
            for task, intents in zip(TASKS, turn, strict=True)
        )
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_text(folder / f"{name}.jsonl", text)
        digests[name] = hashlib.sha256(text.encode()).hexdigest()
    return digests


def _draw(graph: Graph, task: str) -> dict[str, list[Intents]]:
    """Return the combinations of each test set for a task."""
    known = {stems(name) for node in graph.nodes() if not is_unseen(node) for name in graph.names(node)}
    found: dict[str, list[Intents]] = {name: [] for name in DIGESTS}
    for intents in Sampler(graph, load_task(task)).stream(_DRAWN, _SEED):
        split = split_of(graph, intents)
        new = (node for node in graph.canonical(intents) if is_unseen(node))
        if split == TEST:
            found["unseen_combinations"].append(intents)
        elif split == UNSEEN and any(known.isdisjoint(map(stems, graph.names(node))) for node in new):
            found["unseen_nodes"].append(intents)
        if min(map(len, found.values())) >= PER_TASK:
            break
    return {name: combinations[:PER_TASK] for name, combinations in found.items()}
