"""Damage the judge must see through: what an autoencoder or a sampler does to a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flips, blurs, adds noise and shifts tones of (batch, 3, 64, 64) pictures in [0, 1].

    Each is applied to a random part of the batch. All classes survive a mirror image.
    """
    images = _where(images, images.flip(3), 0.5, generator)
    images = _where(images, _blur(images), 0.35, generator)
    count = len(images)
    noise = torch.randn(images.shape, generator=generator)
    strength = torch.rand(count, 1, 1, 1, generator=generator) * 0.06
    images = _where(images, images + noise * strength, 0.4, generator)
    gain = 0.8 + 0.4 * torch.rand(count, 1, 1, 1, generator=generator)
    shift = 0.1 * (torch.rand(count, 3, 1, 1, generator=generator) - 0.5)
    images = _where(images, (images - 0.5) * gain + 0.5 + shift, 0.5, generator)
    return images.clamp(0.0, 1.0)


def _where(images: Tensor, changed: Tensor, odds: float, generator: torch.Generator) -> Tensor:
    pick = torch.rand(len(images), 1, 1, 1, generator=generator) < odds
    return torch.where(pick, changed, images)


def _blur(images: Tensor) -> Tensor:
    """A 3x3 binomial blur that keeps the size by repeating the border."""
    line = torch.tensor([0.25, 0.5, 0.25])
    kernel = (line[:, None] * line[None]).expand(3, 1, 3, 3)
    return F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), kernel, groups=3)
