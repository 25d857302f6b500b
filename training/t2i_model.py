"""shapes-t2i's transformer: its shape, and its start from shapes-dit.

PixArt-alpha starts from a class-conditional DiT (its paper, section 2.3): attention, feed-forward, patches
and output are kept, each block's own modulation becomes a table over one shared network of the time, and
the new cross-attention begins at zero.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import DiTTransformer2DModel, PixArtTransformer2DModel
from text.encoders import WIDTH
from torch import Tensor, nn

NO_CLASS = 1000  # as the stock DiT pipeline writes it


def build_pixart(layers: int = 10, heads: int = 4, head_dim: int = 32) -> PixArtTransformer2DModel:
    """A stock model for 16x16x4 latents and text vectors of `WIDTH` numbers."""
    return PixArtTransformer2DModel(
        num_attention_heads=heads,
        attention_head_dim=head_dim,
        in_channels=4,
        out_channels=4,
        num_layers=layers,
        cross_attention_dim=heads * head_dim,
        caption_channels=WIDTH,
        sample_size=16,
        patch_size=2,
        interpolation_scale=1,
    )


def start_from_dit(model: PixArtTransformer2DModel, dit: DiTTransformer2DModel) -> float:
    """Copies what the two have in common; returns how much of the modulation the shared network misses.

    The miss is the relative squared error of the fit, over all blocks and times.
    """
    model.pos_embed.load_state_dict(dit.pos_embed.state_dict())
    for own, block in zip(model.transformer_blocks, dit.transformer_blocks, strict=True):
        own.attn1.load_state_dict(block.attn1.state_dict())
        own.ff.load_state_dict(block.ff.state_dict())
        nn.init.zeros_(own.attn2.to_out[0].weight)
        nn.init.zeros_(own.attn2.to_out[0].bias)
    model.proj_out.load_state_dict(dit.proj_out_2.state_dict())
    tables, output = _modulation(dit, torch.arange(0, 1000, 10))
    with torch.no_grad():
        model.scale_shift_table.copy_(output[50].view(2, -1))
    return _fit_modulation(model, tables)


@torch.no_grad()
def _modulation(dit: DiTTransformer2DModel, times: Tensor) -> tuple[Tensor, Tensor]:
    """What each block and the output layer are modulated with, for "no class".

    Returns (times, layers, 6 * width) and (times, 2 * width).
    """
    labels = torch.full_like(times, NO_CLASS)
    rows = []
    for block in dit.transformer_blocks:
        condition = block.norm1.emb(times, labels, hidden_dtype=torch.float32)
        rows.append(block.norm1.linear(F.silu(condition)))
    first = dit.transformer_blocks[0].norm1.emb(times, labels, hidden_dtype=torch.float32)
    return torch.stack(rows, dim=1), dit.proj_out_1(F.silu(first))


def _fit_modulation(model: PixArtTransformer2DModel, targets: Tensor, steps: int = 1500) -> float:
    """Fits the shared network and the blocks' tables to `targets` (times, layers, 6 * width)."""
    shared, tables = model.adaln_single, [block.scale_shift_table for block in model.transformer_blocks]
    times = torch.arange(0, 1000, 10)
    with torch.no_grad():
        for table, target in zip(tables, targets.mean(dim=0), strict=True):
            table.copy_(target.view(6, -1))
    nn.init.zeros_(shared.linear.weight)
    nn.init.zeros_(shared.linear.bias)
    optimizer = torch.optim.AdamW([*shared.parameters(), *tables], lr=2e-3, weight_decay=0.0)
    errors = torch.zeros(())
    for _ in range(steps):
        common = shared(times, {"resolution": None, "aspect_ratio": None}, None, torch.float32)[0]
        fitted = torch.stack([common + table.flatten() for table in tables], dim=1)
        errors = (fitted - targets).square().mean()
        optimizer.zero_grad()
        errors.backward()
        optimizer.step()
    return float(errors / targets.square().mean())
