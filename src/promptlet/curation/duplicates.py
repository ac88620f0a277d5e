"""Finding prompts that say what another one said: exact and near duplicates, in memory that rows do not fill.

A prompt is a set of word pairs; MinHash (library rensa, MIT) sketches it, and prompts that share a band of the sketch
are near. Bands already seen are kept in a Bloom filter (library rbloom, MIT) of fixed size, two dozen bytes a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rbloom import Bloom
from rensa import RMinHash

_BANDS, _ROWS = 8, 5
"""Of prompts that share 80% of their word pairs 96 in 100 are found, of those that share 40% 8."""
_SEED = 1
_FALSE_POSITIVES = 1e-4
"""Share of hashes that a filter takes for seen though they were not."""


def sketch(task: str, words: Sequence[str]) -> list[int]:
    """Return the hashes of a prompt's terms: of all of them, then of each band. The same in every process."""
    minhash = RMinHash(num_perm=_BANDS * _ROWS, seed=_SEED)
    minhash.update(list(map(" ".join, pairwise(words))) or list(words))
    digest = minhash.digest()
    salt = int.from_bytes(task.encode(), "big")
    # Python's hash of integers, unlike that of text, is the same in every process.
    bands = [hash((salt, band, *digest[band * _ROWS : (band + 1) * _ROWS])) for band in range(_BANDS)]
    return [hash((salt, len(words), *digest)), *bands]


class Duplicates:
    """Remembers the sketches of one run."""

    def __init__(self, expected: int) -> None:
        """Make room for `expected` prompts; more of them only raise the share of false alarms."""
        self._exact = Bloom(max(expected, 1000), _FALSE_POSITIVES, hash)
        self._bands = Bloom(max(expected, 1000) * _BANDS, _FALSE_POSITIVES, hash)

    def objection(self, hashes: Sequence[int]) -> str | None:
        """Return whether a prompt with this sketch was there, exactly or nearly; remember it if not."""
        exact, *bands = hashes
        if exact in self._exact:
            return "duplicate"
        if any(band in self._bands for band in bands):
            return "near duplicate"
        self._exact.add(exact)
        self._bands.update(bands)
        return None
