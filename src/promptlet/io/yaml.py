"""Reading YAML safely and fast: by libyaml where PyYAML was built with it, some fifty times as quick as in Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str) -> Any:
    """Return the plain values in a YAML text.

    Raises:
        yaml.YAMLError: if it is not YAML, or a key stands twice in one mapping, of which the last would be kept.
    """
    loader = SAFE_LOADER(text)
    try:
        root = loader.get_single_node()
        for key in written_twice(root):
            raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' stands twice", key.start_mark)
        return None if root is None else loader.construct_document(root)
    except ValueError as error:  # of a date that there is not
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def written_twice(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
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
