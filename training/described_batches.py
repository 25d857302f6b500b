"""Draws pictures and captions for training from the stored latents, all from one generator."""

from __future__ import annotations

from pathlib import Path

import torch
from passes import Passes
from text.frozen import empty_tokens
from torch import Tensor


class DescribedBatches(Passes):
    """Shuffled passes over what `encode_described.py` stored."""

    def __init__(self, path: Path, size: int, seed: int, dropout: float) -> None:
        super().__init__(path, size, seed, dropout)
        self.empty = empty_tokens()

    def draw(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Latents (size, 4, 16, 16) and the tokens of both tokenizers, `dropout` of them empty."""
        rows = self.rows()
        drop = (torch.rand(self.size, generator=self.generator) < self.dropout)[:, None]
        tokens = {
            name: torch.where(drop, empty, self.data[name][rows].long()) for name, empty in self.empty.items()
        }
        return self.data["mean"][rows].float(), tokens
