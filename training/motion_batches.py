"""Draws videos and sentences for training from the stored latents, all from one generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from passes import Passes
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


class MotionBatches(Passes):
    """Shuffled passes over what `encode_motion.py` stored."""

    def __init__(self, path: Path, size: int, seed: int, dropout: float) -> None:
        super().__init__(path, size, seed, dropout)
        options = {"padding": "max_length", "max_length": LENGTH, "return_tensors": "pt"}
        self.empty = motion_tokenizer()([""], **options).input_ids[0]

    def draw(self) -> Drawn:
        """The next batch, `dropout` of it without sentence, half of it as if each were on its own."""
        rows = self.rows()
        tokens = self.data["t5"][rows].long()
        drop, alone = torch.rand(2, self.size, generator=self.generator)
        dropped = drop < self.dropout
        # The empty sentence is cut to the length of the one it stands against.
        totals = torch.where(alone < 0.5, (tokens != PAD).sum(dim=1), PIPED)
        tokens = torch.where(dropped[:, None], self.empty, tokens)
        clean = self.data["mean"][rows].float().transpose(1, 2)
        return Drawn(clean, tokens, dropped, totals)
