"""shapes-flow's transformer: a small FLUX, three double-stream and eight single-stream blocks."""

from __future__ import annotations

import torch
from diffusers import FluxTransformer2DModel
from text.encoders import WIDTH
from torch import Tensor, nn


def build_flux(double: int = 3, single: int = 8, heads: int = 4) -> FluxTransformer2DModel:
    """A stock model for 16x16x4 latents packed two by two: 64 tokens of 16 numbers."""
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=double,
        num_single_layers=single,
        attention_head_dim=32,
        num_attention_heads=heads,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=False,
        axes_dims_rope=(8, 12, 12),
    )


@torch.no_grad()
def init_flux(model: FluxTransformer2DModel) -> None:
    """Every block starts as the identity and the output as zero, as DiT does."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and name.endswith(
            ("norm1.linear", "norm1_context.linear", "norm.linear", "norm_out.linear")
        ):
            nn.init.zeros_(module.weight)
    nn.init.zeros_(model.proj_out.weight)


def pack(latents: Tensor) -> Tensor:
    """(batch, 4, 16, 16) to (batch, 64, 16): two by two latent pixels a token, row by row."""
    batch, channels, height, width = latents.shape
    cells = latents.view(batch, channels, height // 2, 2, width // 2, 2)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * 4)


def positions(side: int = 8) -> Tensor:
    """(64, 3): 0, row and column of every token."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).reshape(-1, 3).float()
