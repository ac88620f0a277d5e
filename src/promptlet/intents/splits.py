"""Which combinations are for training and which are held out: decided by a hash of the intents alone.

The same combination lands on the same side in every run, whatever its task, order or seed, so nothing that is
tested was ever trained on.
"""

from __future__ import annotations

from promptlet.types import Intents, intents_key

TRAIN, VALIDATION, TEST = "train", "validation", "test"
HELD_OUT_PERCENT = 2
"""Per cent of all combinations in the validation split, and as many in the test split."""


def split_of(intents: Intents) -> str:
    """Return the split that a combination belongs to."""
    place = int(intents_key(intents)[:8], 16) % 100
    if place < HELD_OUT_PERCENT:
        return TEST
    return VALIDATION if place < 2 * HELD_OUT_PERCENT else TRAIN
