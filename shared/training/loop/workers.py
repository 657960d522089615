"""What one training worker knows of the others."""

from dataclasses import dataclass

import torch
import torch.distributed


@dataclass(frozen=True, slots=True)
class Worker:
    """One of `world` workers that train one model together, on its own device."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this worker writes the files."""
        return self.rank == 0

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over all workers, in place; every worker must call it."""
        if self.world > 1:
            torch.distributed.all_reduce(tensor)
        return tensor


ALONE = Worker(rank=0, world=1, device=torch.device("cpu"))
"""A single worker on the CPU, as tests use it."""
