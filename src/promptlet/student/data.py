"""Training batches: sequences of about the same length together, so that little is padding.

Shapes: B sequences in a batch, T tokens in the longest of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

IGNORED = -100
"""Label of positions that are not learned: everything before the prompt, and padding."""


@dataclass(frozen=True)
class Encoded:
    """Token ids of all samples of a split, end to end: sample i is ``ids[offsets[i]:offsets[i + 1]]``."""

    ids: np.ndarray
    offsets: np.ndarray
    starts: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Encoded:
        """Return the samples in a Parquet file of the tokenize stage."""
        table = pq.read_table(path)
        ids = table["ids"].combine_chunks()
        return cls(
            ids.flatten().to_numpy(),
            np.concatenate([[0], np.cumsum(ids.value_lengths().to_numpy())]).astype(np.int64),
            table["start"].to_numpy(),
        )

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sample."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Batch:
    """`ids_BT` and `labels_BT` (int64); the label of a position is its own id, or `IGNORED` where none is learned.

    Padding stands on the right, where a causal model never looks, so no attention mask is needed.
    """

    ids_BT: torch.Tensor
    labels_BT: torch.Tensor
    tokens: int
    """Real tokens, without padding."""


def plan_epoch(lengths: np.ndarray, tokens: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return one epoch's batches as arrays of sample indices: every sample once, about `tokens` per batch.

    Samples are ordered by length with ties in random order, cut into batches, and the batches shuffled: the same
    for the same seed and epoch, wherever training was interrupted.
    """
    chance = np.random.default_rng([seed, epoch])
    order = np.lexsort((chance.random(len(lengths)), lengths))
    batches, first = [], 0
    for last in range(1, len(order) + 1):
        full = last == len(order) or int(lengths[order[last]]) * (last + 1 - first) > tokens
        if full:
            batches.append(order[first:last])
            first = last
    random.Random(f"{seed}:{epoch}").shuffle(batches)
    return batches


def make_batch(data: Encoded, indices: np.ndarray, pad: int) -> Batch:
    """Return the samples as padded tensors."""
    width = int(data.lengths[indices].max())
    ids = np.full((len(indices), width), pad, dtype=np.int64)
    labels = np.full((len(indices), width), IGNORED, dtype=np.int64)
    for row, index in enumerate(indices):
        sample = data.ids[data.offsets[index] : data.offsets[index + 1]]
        ids[row, : len(sample)] = sample
        labels[row, data.starts[index] : len(sample)] = sample[data.starts[index] :]
    return Batch(torch.from_numpy(ids), torch.from_numpy(labels), int(data.lengths[indices].sum()))


def batches_from(
    data: Encoded, tokens: int, seed: int, pad: int, epoch: int, step: int
) -> Iterator[tuple[int, int, Batch]]:
    """Yield ``(epoch, next step in it, batch)`` without end, beginning where a checkpoint left off."""
    while True:
        plan = plan_epoch(data.lengths, tokens, seed, epoch)
        for index in range(step, len(plan)):
            yield epoch, index + 1, make_batch(data, plan[index], pad)
        epoch, step = epoch + 1, 0


def padding_share(data: Encoded, batch_tokens: int) -> float:
    """Return the share of computed positions that are padding."""
    computed = sum(
        len(batch) * int(data.lengths[batch].max()) for batch in plan_epoch(data.lengths, batch_tokens, 0, 0)
    )
    return 1 - float(np.sum(data.lengths)) / computed
