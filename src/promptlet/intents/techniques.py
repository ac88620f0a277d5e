"""How image makers say that a picture is made, taken or lit: names beside the graph, for reading what people write."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from promptlet.io.yaml import read_yaml
from promptlet.types import Intent, Intents

CAMERA = re.compile(
    r"\d+ ?mm(?: (?:film|lens|photo|photograph|photography))?|f/\d+(?:\.\d+)?|iso ?\d+|dslr|hdr", re.IGNORECASE
)
"""How a camera was set, which makes a picture's style."""


@cache
def load_techniques() -> Intents:
    """Return them, each with its kind."""
    packaged = resources.files(__package__) / "techniques.yaml"
    named = read_yaml(packaged, "how pictures are made")
    return tuple(Intent(kind, name) for kind, names in named.items() for name in names)
