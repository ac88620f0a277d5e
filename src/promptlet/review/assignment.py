"""Who rates what, in which order: every item by `per_item` reviewers, as evenly as can be, each in an own order."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence


def deal(
    items: Sequence[int],
    checks: Sequence[int],
    done: Mapping[str, Sequence[int]],
    per_item: int,
    seed: int,
) -> dict[str, list[int]]:
    """Return each reviewer's items in order: what is done stays in front, the rest is dealt anew.

    Args:
        items: numbers of the items to be rated.
        checks: numbers of the checks; every reviewer gets all of them, evenly spread.
        done: reviewer -> what is rated already, in order.
        per_item: reviewers per item; fewer where there are fewer reviewers.
        seed: the same seed deals the same.
    """
    rng = random.Random(seed)
    raters: dict[int, set[str]] = {item: set() for item in items}
    load = dict.fromkeys(done, 0)
    for name, rated in done.items():
        for item in raters.keys() & rated:
            raters[item].add(name)
            load[name] += 1
    dealt: dict[str, list[int]] = {name: [] for name in done}
    for item in rng.sample(items, len(items)):
        others = [name for name in done if name not in raters[item]]
        rng.shuffle(others)
        others.sort(key=load.__getitem__)
        for name in others[: max(0, per_item - len(raters[item]))]:
            dealt[name].append(item)
            load[name] += 1
    return {
        name: [*rated, *_mixed(dealt[name], [check for check in checks if check not in rated], f"{seed}:{name}")]
        for name, rated in done.items()
    }


def _mixed(items: Sequence[int], checks: Sequence[int], seed: str) -> list[int]:
    """Return items and checks shuffled, one check in each of as many stretches of about the same length."""
    rng = random.Random(seed)
    mixed = rng.sample(items, len(items))
    # From the end, so that what was put in does not move the places that come.
    for index, check in reversed([*enumerate(rng.sample(checks, len(checks)))]):
        start, end = (len(items) * edge // len(checks) for edge in (index, index + 1))
        mixed.insert(rng.randint(start, max(start, end - 1)), check)
    return mixed
