"""What is reviewed: prompts of systems, read from JSON lines, and checks of whether a reviewer pays attention."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from promptlet.errors import UsageError, unread
from promptlet.evaluation.anchors import GOOD, WRONG_TOPIC, make_anchors
from promptlet.io.atomic import value_digest
from promptlet.io.json_lines import parse_object
from promptlet.review.questions import FAVOURABLE
from promptlet.review.records import Item
from promptlet.types import RELEVANCE, parse_intents


def read_prompts(path: Path, system: str) -> list[Item]:
    """Return the prompts of a file that ``promptlet generate --output`` or ``--json`` wrote; lines of errors have none.

    A row needs `prompt`, `task` and `intents`, and may have `scores`; `relevance` is a score too.

    Raises:
        UsageError: if the file can't be read, a line is something else, or there is no prompt.
    """
    items: list[Item] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    items += _of_line(line, system, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {unread(error)}") from error
    if not items:
        raise UsageError(f"{path} holds no prompt")
    return items


def _of_line(line: str, system: str, where: str) -> Iterator[Item]:
    try:
        row = parse_object(line)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    if "error" in row and "prompt" not in row:
        return
    rows = row.get("prompts", [row])
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise UsageError(f"{where}: 'prompts' is not a list of JSON objects")
    for each in rows:
        yield _of_row(each, system, where)


def _of_row(row: Mapping[str, Any], system: str, where: str) -> Item:
    prompt, task, intents = (row.get(name) for name in ("prompt", "task", "intents"))
    for name, value in (("prompt", prompt), ("task", task)):
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{where}: '{name}' is {value!r}; text is needed")
    if not isinstance(intents, list) or not all(isinstance(intent, str) for intent in intents):
        raise UsageError(f"{where}: 'intents' is {intents!r}; a list of texts such as 'Topic: birthday' is needed")
    try:
        checked = tuple(map(str, parse_intents(intents)))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    judged = row.get("scores") or {}
    if not isinstance(judged, dict):
        raise UsageError(f"{where}: 'scores' is {judged!r}; names with numbers are needed")
    scores = {RELEVANCE: row[RELEVANCE]} if row.get(RELEVANCE) is not None else {}
    for name, value in (scores | judged).items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UsageError(f"{where}: the score '{name}' is {value!r}; a number is needed")
        scores[name] = float(value)
    return Item(system, str(task), checked, str(prompt), scores)


def choose(items: Sequence[Item], count: int, seed: int) -> list[Item]:
    """Return up to `count` of a system's items by chance, the same wishes for every system that has them."""
    seen: Counter[str] = Counter()
    ranked = []
    for item in items:
        wish = value_digest([item.task, sorted(item.intents)])
        ranked.append((value_digest([seed, wish, seen[wish]]), item))
        seen[wish] += 1
    return [item for _, item in sorted(ranked, key=lambda pair: pair[0])[:count]]


def make_checks(tasks: Sequence[str], count: int, seed: int) -> list[Item]:
    """Return up to `count` checks made of the tasks' hand-written exemplars, good ones and ones on another topic."""
    anchors = [pair for pair in make_anchors(tasks, count, seed) if pair[0] in {GOOD, WRONG_TOPIC}]
    # Good and spoiled stand in pairs; of each pair one is taken, in turn, so that no reviewer sees both.
    taken = [anchors[place + (place // 2 + 1) % 2] for place in range(0, len(anchors), 2)]
    random.Random(seed).shuffle(taken)
    return [Item("", sample.task, tuple(map(str, sample.intents)), sample.prompt, check=kind) for kind, sample in taken]


def passed(check: Item, relevance: int) -> bool:
    """Return whether an answer shows attention: a good prompt is relevant, one on another topic is not."""
    return (relevance >= FAVOURABLE) == (check.check == GOOD)
