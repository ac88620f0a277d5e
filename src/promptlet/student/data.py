"""Training batches: samples of about the same length together, so that little is padding.

Shapes: B samples in a batch, T tokens in the longest of them, N positions that are learned.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from promptlet.errors import RunError, one_line


@dataclass(frozen=True)
class Encoded:
    """Token ids of all samples of a split, end to end: sample i is ``ids[offsets[i]:offsets[i + 1]]``.

    Its prompt begins at ``starts[i]``; what stands before, commands and intents, is read and not learned.
    """

    ids: np.ndarray
    offsets: np.ndarray
    starts: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Encoded:
        """Return the samples in a Parquet file of the tokenize stage.

        Raises:
            RunError: if the file lacks a column, or is none.
        """
        try:
            table = pq.read_table(path, columns=["ids", "start"])
        except (OSError, pa.ArrowException) as error:
            raise RunError(f"{path} holds no encoded samples: {one_line(error)}") from error
        if missing := {"ids", "start"} - set(table.column_names):
            raise RunError(f"{path} lacks the column '{min(missing)}'; encoded samples have: ids, start")
        ids = table["ids"].combine_chunks()
        return cls(
            ids.flatten().to_numpy(),
            np.concatenate([[0], np.cumsum(ids.value_lengths().to_numpy())]).astype(np.int64),
            table["start"].to_numpy(),
        )

    @classmethod
    def of(cls, rows: Sequence[tuple[Sequence[int], int]]) -> Encoded:
        """Return samples from their token ids and the places where their prompts begin."""
        ids = np.concatenate([np.asarray(ids, dtype=np.int32) for ids, _ in rows])
        offsets = np.cumsum([0, *(len(ids) for ids, _ in rows)]).astype(np.int64)
        return cls(ids, offsets, np.asarray([start for _, start in rows], dtype=np.int32))

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each sample."""
        return np.diff(self.offsets)

    @property
    def digest(self) -> str:
        """What identifies the samples: a SHA-256 of all arrays."""
        whole = hashlib.sha256()
        for array in (self.ids, self.offsets, self.starts):
            whole.update(np.ascontiguousarray(array).tobytes())
        return whole.hexdigest()

    def sample(self, index: int) -> np.ndarray:
        """Return the token ids of one sample."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def head(self, index: int) -> list[int]:
        """Return the token ids that stand before the prompt of one sample."""
        head: list[int] = self.sample(index)[: self.starts[index]].tolist()
        return head

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt, its end included."""
        return int((self.lengths - self.starts).max())

    def learned(self, indices: np.ndarray) -> int:
        """Return how many positions of the samples are learned."""
        return int((self.lengths[indices] - self.starts[indices]).sum())


@dataclass(frozen=True)
class Batch:
    """Samples as rows of `ids_BT`; padding stands on the right, where a causal model never looks, so rows need no mask.

    `places_N` are the positions, counted through all rows, after which the tokens `targets_N` are to be expected.
    """

    ids_BT: torch.Tensor
    places_N: torch.Tensor
    targets_N: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device. A GPU fetches it from pinned memory, and nobody waits for that."""
        parts = [self.ids_BT, self.places_N, self.targets_N]
        if device.type == "cuda":
            parts = [part.pin_memory() for part in parts]
        return Batch(*(part.to(device, non_blocking=True) for part in parts))


def make_batch(data: Encoded, indices: np.ndarray, pad: int) -> Batch:
    """Return samples as a batch."""
    starts_B1, lengths_B1 = data.starts[indices, None], data.lengths[indices, None]
    columns = np.arange(lengths_B1.max())
    places_BT = np.minimum(data.offsets[indices, None] + columns, len(data.ids) - 1)
    ids = np.where(columns < lengths_B1, data.ids[places_BT], pad).astype(np.int64)
    learned = (starts_B1 <= columns) & (columns < lengths_B1)
    places = np.flatnonzero(learned)
    return Batch(torch.from_numpy(ids), torch.from_numpy(places - 1), torch.from_numpy(ids.ravel()[places]))


def plan_epoch(lengths: np.ndarray, group: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return one epoch as groups of `group` sample indices of about the same length; every sample stands in one.

    Samples are ordered by length with ties in random order, cut into groups, and the groups shuffled: the same for
    the same seed and epoch, wherever training was interrupted.
    """
    rng = np.random.default_rng([seed, epoch])
    order = np.lexsort((rng.random(len(lengths)), lengths))
    groups = [order[first : first + group] for first in range(0, len(order), group)]
    random.Random(f"{seed}:{epoch}").shuffle(groups)
    return groups


def stream_groups(
    data: Encoded, group: int, seed: int, epoch: int = 0, first: int = 0
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield ``(epoch, next group in it, sample indices)`` without end, beginning where a checkpoint left off."""
    while True:
        plan = plan_epoch(data.lengths, group, seed, epoch)
        for place in range(first, len(plan)):
            yield epoch, place + 1, plan[place]
        epoch, first = epoch + 1, 0


def padding_share(data: Encoded, group: int) -> float:
    """Return the share of computed positions that are padding."""
    groups = plan_epoch(data.lengths, group, 0, 0)
    computed = sum(len(indices) * int(data.lengths[indices].max()) for indices in groups)
    return 1 - float(np.sum(data.lengths)) / computed
