"""Drawing samples again with replacement: what all bootstrap intervals are made of."""

from __future__ import annotations

import torch
from torch import Tensor

LEVEL = 0.95


def resampled(count: int, resamples: int, seed: int) -> Tensor:
    """Places drawn with replacement: (resamples, count) int64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(count, (resamples, count), generator=generator)


def bounds(found: Tensor) -> tuple[float, float]:
    """The percentile interval of `LEVEL` of the resampled numbers ``found``, (resamples,) float64."""
    tail = (1 - LEVEL) / 2
    low, high = torch.quantile(found, torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return low, high
