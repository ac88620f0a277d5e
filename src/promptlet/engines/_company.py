"""How texts are to be computed together so that what else is in a batch changes no bit of any.

Processors have other ways to multiply few rows or many, that add up in another order. So it is tried out.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from promptlet.engines._gpt2_graph import Compiled

WIDTHS = 8
"""Heads are read without their last token, padded to a multiple of so many."""


class Company(NamedTuple):
    """What makes the rows of every batch alike."""

    fewest: int
    """Rows that a batch needs."""
    at_once: bool
    """Whether heads may be read in one call, or must be token by token."""


def find_company(student: Compiled, vocabulary: int, most: int) -> Company:
    """Return what this processor needs, for batches of up to `most` rows.

    Args:
        student: one layer of it is enough, for all have the same shapes.
        vocabulary: how many tokens it has.
        most: a power of two.
    """
    ids_BT = np.array(random.Random(0).choices(range(vocabulary), k=most * WIDTHS)).reshape(most, WIDTHS)
    sizes = [2**power for power in range(most.bit_length())]

    def different(width: int) -> list[int]:
        """Return the sizes of batches whose rows differ from those of the largest behind heads of that width."""
        found: dict[int, NDArray[np.float32]] = {}
        for size in sizes:
            places_BT = np.tile(np.arange(width), (size, 1))
            student.begin(ids_BT[-size:, :width], places_BT, np.zeros((size, 1), dtype=np.int64), at_once=True)
            seen_B1P = np.ones((size, 1, width + 1), dtype=bool)
            found[size] = student.go_on(ids_BT[-size:, -1:], places_BT[:, :1] + width, seen_B1P, range(size)).copy()
        return [size for size in sizes if not np.array_equal(found[size], found[most][-size:])]

    few = different(width=1)
    fewest = 2 * max(few) if few else 1
    return Company(fewest, all(size < fewest for size in different(WIDTHS)))
