"""How image makers say that a picture is made, taken or lit: names beside the graph, for reading what people write."""

from __future__ import annotations

from functools import cache
from importlib import resources

from promptlet.io.yaml import read_yaml
from promptlet.types import Intent, Intents


@cache
def load_techniques() -> Intents:
    """Return them, each with its kind."""
    packaged = resources.files(__package__) / "techniques.yaml"
    named = read_yaml(packaged, "how pictures are made")
    return tuple(Intent(kind, name) for kind, names in named.items() for name in names)
