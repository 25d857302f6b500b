"""Draws pictures and captions for training from the stored latents, all from one generator."""

from __future__ import annotations

from pathlib import Path

import torch
from text.frozen import empty_tokens
from torch import Tensor


class DescribedBatches:
    """Shuffled passes over what `encode_described.py` stored."""

    def __init__(self, path: Path, size: int, seed: int, dropout: float) -> None:
        self.data = torch.load(path, mmap=True)
        self.size, self.dropout = size, dropout
        self.generator = torch.Generator().manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.int64)
        self.empty = empty_tokens()

    def draw(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Latents (size, 4, 16, 16) and the tokens of both tokenizers, `dropout` of them empty."""
        if len(self.order) < self.size:
            self.order = torch.randperm(len(self.data["mean"]), generator=self.generator)
        rows, self.order = self.order[: self.size], self.order[self.size :]
        drop = (torch.rand(self.size, generator=self.generator) < self.dropout)[:, None]
        tokens = {
            name: torch.where(drop, empty, self.data[name][rows].long()) for name, empty in self.empty.items()
        }
        return self.data["mean"][rows].float(), tokens

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
