"""The autoencoder's shape, its loss, and the folding that gives its latents unit scale."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from shapes import render_range
from torch import Tensor


def build_vae() -> AutoencoderKL:
    """64x64x3 -> 16x16x4 and back. Narrow at full size, where convolutions cost the most."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


@torch.no_grad()
def reset_bottleneck(vae: AutoencoderKL) -> None:
    """Fresh layers around the latent, with little posterior noise at the start.

    With the usual start the noise is as large as the signal, and the KL term then keeps channels
    it found useless from ever being used: a first run ended with two of four in use.
    """
    for layer in (vae.encoder.conv_out, vae.quant_conv, vae.post_quant_conv, vae.decoder.conv_in):
        layer.reset_parameters()
    channels = vae.config.latent_channels
    vae.quant_conv.weight[channels:] *= 0.1
    vae.quant_conv.bias[channels:] = -5.0  # log-variance: a standard deviation of 0.08


def load_vae(path: Path) -> AutoencoderKL:
    """The trained autoencoder from `train_vae.py`, in eval mode."""
    vae = build_vae()
    vae.load_state_dict(torch.load(path))
    return vae.eval().requires_grad_(False)


def reconstruction_loss(output: Tensor, target: Tensor) -> Tensor:
    """L1 on pixels and on their differences; the second term is what keeps edges crisp.

    Both are (batch, 3, 64, 64) in [-1, 1].
    """
    loss = F.l1_loss(output, target) + 0.5 * F.mse_loss(output, target)
    for axis in (2, 3):
        loss = loss + 0.5 * F.l1_loss(output.diff(dim=axis), target.diff(dim=axis))
    return loss


@torch.no_grad()
def measure_latents(vae: AutoencoderKL, seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every latent channel over `count` pictures: two (4,)."""
    images, _ = render_range(seed, 0, count)
    latents = torch.cat([vae.encode(part).latent_dist.mode() for part in images.split(64)])
    return latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))


@torch.no_grad()
def fold_scale(vae: AutoencoderKL, mean: Tensor, std: Tensor) -> None:
    """Moves per-channel centring and scaling into the 1x1 convolutions around the latent.

    The stock pipeline knows one scaling factor and no shift. Folding is exact, gives every
    channel mean 0 and std 1, and leaves the scaling factor at 1.
    """
    quant, post = vae.quant_conv, vae.post_quant_conv
    channels = len(mean)
    quant.weight[:channels] /= std[:, None, None, None]
    quant.bias[:channels] = (quant.bias[:channels] - mean) / std
    quant.bias[channels:] -= 2.0 * std.log()  # the second half is the log-variance
    post.bias += (post.weight[:, :, 0, 0] * mean).sum(dim=1)
    post.weight *= std[None, :, None, None]
