"""Shuffled passes over stored samples, and the random draws of a training, all from one generator."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor


class Passes:
    """Rows of a stored file in shuffled order; a resumed run goes on with the same generator."""

    def __init__(self, path: Path, size: int, seed: int, dropout: float) -> None:
        self.data = torch.load(path, mmap=True)
        self.size, self.dropout = size, dropout
        self.generator = torch.Generator().manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.int64)

    def rows(self) -> Tensor:
        """The next `size` row numbers."""
        if len(self.order) < self.size:
            self.order = torch.randperm(len(self.data["mean"]), generator=self.generator)
        rows, self.order = self.order[: self.size], self.order[self.size :]
        return rows

    def noise(self, shape: torch.Size) -> Tensor:
        """Normal noise of `shape`."""
        return torch.randn(shape, generator=self.generator)

    def spots(self) -> Tensor:
        """(size,) in [0, 1], evenly spread with one random offset: each batch covers all times."""
        offset = torch.rand(1, generator=self.generator)
        return (torch.arange(self.size) + offset) / self.size

    def state(self) -> dict[str, Tensor]:
        """Where in its random draws the run is."""
        return {"generator": self.generator.get_state()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes over what `state` returned, and begins a new pass."""
        self.generator.set_state(state["generator"])
        self.order = torch.empty(0, dtype=torch.int64)
