"""The learning-rate schedule all three trainings share."""

from __future__ import annotations

import math

import torch


def cosine(progress: float) -> float:
    """1 at the start of a run, 0 at its end, half a cosine wave between."""
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def lr_factor(step: int, total: int, warmup: int) -> float:
    """Linear warm-up from 0, then a cosine that reaches 0 exactly at `total`."""
    if step < warmup:
        return (step + 1) / warmup
    return cosine((step - warmup) / max(1, total - warmup))


def set_lr(optimizer: torch.optim.Optimizer, base: float, factor: float) -> None:
    """Applies `factor` by hand: a resumed run needs only its step number, no scheduler state."""
    for group in optimizer.param_groups:
        group["lr"] = base * factor
