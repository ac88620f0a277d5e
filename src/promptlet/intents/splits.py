"""Which combinations are for training and which are held out: decided by hashes of the intents alone.

The same combination lands on the same side in every run, whatever its task, order, seed or the names that its nodes
go by, so nothing that is tested was ever trained on.
"""

from __future__ import annotations

import hashlib

from promptlet.intents.graph import Graph
from promptlet.types import Intent, Intents, intents_key

TRAIN, VALIDATION, TEST, UNSEEN = "train", "validation", "test", "unseen"
"""`unseen` is a second test split: combinations with a node that no training combination has."""
HELD_OUT = (TEST, UNSEEN)
"""Splits that no teacher is asked about."""
_HELD_OUT_PERCENT = 2
"""Per cent of all combinations in the validation split, and as many in the test split."""
_UNSEEN_PERCENT = 2
"""Per cent of all nodes that training never sees."""


def split_of(graph: Graph, intents: Intents) -> str:
    """Return the split that a combination belongs to; what the graph does not know goes by its own name."""
    nodes = graph.canonical(intents)
    if any(node in graph.aliases and is_unseen(node) for node in nodes):
        return UNSEEN
    bucket = int(intents_key(nodes)[:8], 16) % 100
    if bucket < _HELD_OUT_PERCENT:
        return TEST
    return VALIDATION if bucket < 2 * _HELD_OUT_PERCENT else TRAIN


def is_unseen(node: Intent) -> bool:
    """Return whether training never sees this node."""
    digest = hashlib.blake2b(f"unseen:{str(node).casefold()}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % 100 < _UNSEEN_PERCENT
