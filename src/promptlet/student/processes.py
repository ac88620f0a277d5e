"""The processes that train together, as torchrun or Ray Train starts them; alone without either."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from promptlet.errors import UsageError


@dataclass(frozen=True)
class Processes:
    """This process among all: its number, how many there are, and the device that it computes on."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def share(self, samples: int) -> int:
        """Return how many of a group of so many samples a process takes at most."""
        return -(-samples // self.world)

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        """Return the sum of all processes' values."""
        if self.world > 1:
            dist.all_reduce(value)
        return value

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined() -> Iterator[Processes]:
    """Yield the processes, connected: by NCCL on GPUs, by Gloo on CPUs, or as the caller has connected them."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    ours = world > 1 and not dist.is_initialized()
    if ours and "MASTER_ADDR" not in os.environ:
        raise UsageError(f"WORLD_SIZE is {world}, but nothing says where the others are; start it with torchrun")
    if ours:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(rank, world, device)
    finally:
        if ours:
            dist.destroy_process_group()
