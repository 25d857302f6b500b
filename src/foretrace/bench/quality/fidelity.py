"""How near samples are to the uncached ones of the same noises: one number a sample."""

from __future__ import annotations

import torch
from torch import Tensor


def relative_l2(images: Tensor, reference: Tensor, decoded: bool = True) -> Tensor:
    """``|a - b| / |b|`` of each sample: (samples,). Pictures in [0, 1] are taken to [-1, 1] first."""
    a, b = (x.flatten(1).double() for x in (images, reference))
    if decoded:
        a, b = 2 * a - 1, 2 * b - 1
    return (a - b).norm(dim=1) / b.norm(dim=1).clamp(min=1e-30)


def psnr(images: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each sample with values in [0, 1]: (samples,); inf if equal."""
    errors = (images.double() - reference.double()).square().flatten(1).mean(dim=1)
    return -10 * torch.log10(errors)


def ssim(images: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity of each sample (samples, frames, 3, height, width) in [0, 1]: (samples,).

    That of torchmetrics, with a Gaussian window of 11 pixels; frames are averaged.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    found = structural_similarity_index_measure(
        images.flatten(0, 1), reference.flatten(0, 1), data_range=1.0, reduction="none"
    )
    assert isinstance(found, Tensor)
    return found.reshape(len(images), -1).mean(dim=1)
