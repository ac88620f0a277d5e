"""Making a review of prompts that systems wrote: which of them, with which checks, for whom."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from promptlet import __version__
from promptlet.errors import UsageError
from promptlet.io.atomic import file_digest
from promptlet.naming import split_name
from promptlet.review.items import choose, make_checks, read_prompts
from promptlet.review.store import Store, check_names
from promptlet.tasks import task_names


@dataclass(frozen=True)
class ReviewSettings:
    """What a review is made of."""

    systems: Mapping[str, Path]
    """Name -> file of prompts."""
    prompts: int = 50
    """At most, of each system."""
    per_item: int = 3
    """Reviewers who rate the same prompt."""
    checks: int = 6
    """Prompts of known relevance that every reviewer gets."""
    seed: int = 1
    title: str = "Prompts to order"


def parse_systems(named: Sequence[str]) -> dict[str, Path]:
    """Return the systems that are written as ``NAME=FILE``, or ``FILE``, which gives its name.

    Raises:
        UsageError: for a name without letters, or one that is given twice.
    """
    systems: dict[str, Path] = {}
    for each in named:
        given, file = split_name(each)
        path = Path(file)
        name = given or path.stem.strip()
        if not name or not path.name:
            raise UsageError(f"the system is '{each}'; NAME=FILE is allowed, as in student=prompts.jsonl")
        if name in systems:
            raise UsageError(f"there are two systems '{name}'; write NAME=FILE to tell them apart")
        systems[name] = path
    return systems


def create_review(path: Path, plan: ReviewSettings, reviewers: Sequence[str]) -> tuple[Store, dict[str, str]]:
    """Make a review at `path`; return it and a token for each reviewer.

    Raises:
        UsageError: for prompts that can't be read, too few reviewers, or a path where there is a file.
    """
    reviewers = check_names(reviewers)
    if len(reviewers) < plan.per_item:
        raise UsageError(f"{plan.per_item} reviewers are to rate each prompt, and there are {len(reviewers)}")
    items = [
        item
        for name, file in plan.systems.items()
        for item in choose(read_prompts(file, name), plan.prompts, plan.seed)
    ]
    tasks = [task for task in task_names() if any(item.task == task for item in items)]
    items += make_checks(tasks, plan.checks, plan.seed) if tasks else []
    # Reviewers see the numbers of items; in this order they tell no system.
    random.Random(plan.seed).shuffle(items)
    facts = {
        "title": plan.title,
        "seed": plan.seed,
        "per_item": plan.per_item,
        "sources": {name: {"file": file.name, "sha256": file_digest(file)} for name, file in plan.systems.items()},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "promptlet": __version__,
    }
    store = Store.create(path, facts, items)
    return store, store.invite(reviewers)
