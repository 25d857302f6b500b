"""The filter of SeaCache: what a denoiser can still tell of each frequency at this noise."""

from __future__ import annotations

import torch
from torch import Tensor


def content(x: Tensor, noise: float, power: float) -> Tensor:
    """``x`` filtered by the Wiener gain of a 1/f prior, of unit mean over all frequencies.

    Args:
        x: (samples, *grid, channels); the dimensions of the grid are filtered.
        noise: noise over signal, b / a, of the latent.
        power: of the prior, ``S(f) = 1 / |f|^power`` along each axis.

    Published: ``G = prod over axes of a S / (a^2 S + b^2)``, divided by its mean (SeaCache, eq. 7). The gain
    of an axis is ``(1 / a) / (1 + (b / a)^2 |f|^power)``, so that a cancels. f is in cycles a token.
    """
    axes = tuple(range(1, x.ndim - 1))
    gain = torch.ones((), device=x.device)
    for axis in axes:
        f = torch.fft.fftfreq(x.shape[axis], device=x.device).abs()
        own = 1.0 / (1.0 + noise**2 * f**power)
        gain = gain * own.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    spectrum = torch.fft.fftn(x.float(), dim=axes)
    return torch.fft.ifftn(spectrum * (gain / gain.mean()), dim=axes).real
