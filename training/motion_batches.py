"""Draws videos and sentences for training from the stored latents, all from one generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from text.frozen import PAD
from text.motion import motion_tokenizer
from text.vocabulary import LENGTH
from torch import Tensor

PIPED = 120  # tokens to which LattePipeline fills up the sentences of a batch


@dataclass
class Drawn:
    """One batch; a dropped sentence's tokens are those of the empty one."""

    clean: Tensor  # (size, 4, frames, 16, 16)
    tokens: Tensor  # (size, LENGTH)
    dropped: Tensor  # (size,) bool
    totals: Tensor  # (size,): how many text tokens the pipeline would show the transformer


class MotionBatches:
    """Shuffled passes over what `encode_motion.py` stored."""

    def __init__(self, path: Path, size: int, seed: int, dropout: float) -> None:
        self.data = torch.load(path, mmap=True)
        self.size, self.dropout = size, dropout
        self.generator = torch.Generator().manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.int64)
        options = {"padding": "max_length", "max_length": LENGTH, "return_tensors": "pt"}
        self.empty = motion_tokenizer()([""], **options).input_ids[0]

    def draw(self) -> Drawn:
        """The next batch, `dropout` of it without sentence, half of it as if each were on its own."""
        if len(self.order) < self.size:
            self.order = torch.randperm(len(self.data["mean"]), generator=self.generator)
        rows, self.order = self.order[: self.size], self.order[self.size :]
        tokens = self.data["t5"][rows].long()
        drop, alone = torch.rand(2, self.size, generator=self.generator)
        dropped = drop < self.dropout
        # The empty sentence is cut to the length of the one it stands against.
        totals = torch.where(alone < 0.5, (tokens != PAD).sum(dim=1), PIPED)
        tokens = torch.where(dropped[:, None], self.empty, tokens)
        clean = self.data["mean"][rows].float().transpose(1, 2)
        return Drawn(clean, tokens, dropped, totals)

    def noise(self, shape: torch.Size) -> Tensor:
        """Normal noise of `shape`, of its own in each frame, as the pipeline draws it."""
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
