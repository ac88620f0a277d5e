"""Reading YAML safely and fast: by libyaml where PyYAML was built with it, some fifty times as quick as in Python."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from promptlet.errors import UsageError, one_line, unread

SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NO_NAME = 'in "<unicode string>",'
"""How PyYAML calls a text before each place in it; what is called so is said before."""


def read_yaml(path: Path | Traversable, what: str) -> Any:
    """Return the plain values in a YAML file, which errors call `what`.

    Raises:
        UsageError: if it can't be read, or as `parse_yaml` does.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), what)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{what} can't be read: {unread(error)}") from error


def parse_yaml(text: str, what: str) -> Any:
    """Return the plain values in a YAML text, which errors call `what`.

    Raises:
        UsageError: if it is not YAML, or a key stands twice in one mapping, of which the last would be kept.
    """
    loader = SAFE_LOADER(text)
    try:
        root = loader.get_single_node()
        for key in duplicate_keys(root):
            raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' stands twice", key.start_mark)
        return None if root is None else loader.construct_document(root)
    except (yaml.YAMLError, ValueError) as error:  # the latter of a date that there is not
        raise UsageError(f"{what} is not YAML: {one_line(str(error).replace(_NO_NAME, 'at'))}") from error
    finally:
        loader.dispose()


def duplicate_keys(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Yield the keys that stand in their mapping before, as it is written: what `<<` merges in may be overridden."""
    waiting, walked = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in walked or not isinstance(node, yaml.CollectionNode):
            continue
        walked.add(id(node))  # by an alias a node may hold itself
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        seen = set()
        for key, value in node.value:
            waiting += (key, value)
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    yield key
                seen.add((key.tag, key.value))
