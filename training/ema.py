"""A running average of the weights: what is sampled from and shipped."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ema:
    """Averages with a decay that grows with the step, so that the start is soon forgotten."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.source = dict(model.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.source.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the average towards the weights as they are after `step`."""
        decay = min(self.decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(self.average.values()), list(self.source.values()), 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """The averaged weights by parameter name."""
        return self.average

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes over what `state` returned."""
        for name, value in state.items():
            self.average[name].copy_(value)
