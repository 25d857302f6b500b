"""Tiny random denoisers of six families, their inputs, and a sampling loop; nothing here is DiT-shaped.

Weights are random but not degenerate: diffusers initialises adaLN gates so that whole blocks can be the
identity, and then a forecast of a block would be trivially right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import (
    DiTTransformer2DModel,
    FluxTransformer2DModel,
    HunyuanVideoTransformer3DModel,
    PixArtTransformer2DModel,
    SD3Transformer2DModel,
    WanTransformer3DModel,
)
from torch import Tensor, nn

Inputs = Callable[[int, torch.Generator], tuple[Tensor, dict[str, Any]]]


@dataclass(frozen=True)
class Family:
    """How to build a tiny model, and its latent and conditions for a batch; times are scaled by ``unit``."""

    name: str
    build: Callable[[], nn.Module]
    inputs: Inputs
    blocks: int
    unit: float = 1.0

    def model(self, seed: int = 0) -> nn.Module:
        """The model with random weights of seed ``seed``."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)  # biases are drawn by the constructors
            return randomise(self.build(), seed)


def randomise(model: nn.Module, seed: int) -> nn.Module:
    """Fan-in scaled normal matrices, small biases, norms near one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim >= 2:
                parameter.copy_(noise / math.sqrt(parameter[0].numel()))
            else:
                parameter.copy_(parameter + 0.05 * noise)
    return model.eval().requires_grad_(False)


def _dit() -> nn.Module:
    return DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=4, num_layers=3,
        sample_size=8, patch_size=2, num_embeds_ada_norm=1000,
    )  # fmt: skip


def _dit_inputs(batch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
    labels = torch.randint(0, 1000, (batch,), generator=generator)
    return torch.randn(batch, 4, 8, 8, generator=generator), {"class_labels": labels}


def _pixart() -> nn.Module:
    return PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=3,
        cross_attention_dim=16, sample_size=8, patch_size=2, caption_channels=12,
        use_additional_conditions=False,
    )  # fmt: skip


def _pixart_inputs(batch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
    text = torch.randn(batch, 5, 12, generator=generator)
    conditions = {"resolution": None, "aspect_ratio": None}
    return torch.randn(batch, 4, 8, 8, generator=generator), {
        "encoder_hidden_states": text,
        "added_cond_kwargs": conditions,
    }


def _flux() -> nn.Module:
    return FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=2, num_single_layers=2, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=12, pooled_projection_dim=10, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip


def _flux_inputs(batch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
    grid = torch.stack(torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij"), -1)
    ids = torch.cat([torch.zeros(16, 1), grid.reshape(16, 2)], 1)
    return torch.randn(batch, 16, 4, generator=generator), {
        "encoder_hidden_states": torch.randn(batch, 7, 12, generator=generator),
        "pooled_projections": torch.randn(batch, 10, generator=generator),
        "img_ids": ids,
        "txt_ids": torch.zeros(7, 3),
    }


def _sd3() -> nn.Module:
    return SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=4, num_layers=3, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=12, caption_projection_dim=16,
        pooled_projection_dim=10, out_channels=4,
    )  # fmt: skip


def _sd3_inputs(batch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
    return torch.randn(batch, 4, 8, 8, generator=generator), {
        "encoder_hidden_states": torch.randn(batch, 7, 12, generator=generator),
        "pooled_projections": torch.randn(batch, 10, generator=generator),
    }


def _wan() -> nn.Module:
    return WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4,
        text_dim=12, freq_dim=16, ffn_dim=32, num_layers=3, rope_max_seq_len=32,
    )  # fmt: skip


def _wan_inputs(batch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
    return torch.randn(batch, 4, 2, 8, 8, generator=generator), {
        "encoder_hidden_states": torch.randn(batch, 7, 12, generator=generator)
    }


def _hunyuan() -> nn.Module:
    return HunyuanVideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=10, num_layers=2,
        num_single_layers=2, num_refiner_layers=1, patch_size=2, patch_size_t=1, guidance_embeds=True,
        text_embed_dim=12, pooled_projection_dim=8, rope_axes_dim=(2, 4, 4),
    )  # fmt: skip


def _hunyuan_inputs(batch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
    return torch.randn(batch, 4, 2, 8, 8, generator=generator), {
        "encoder_hidden_states": torch.randn(batch, 7, 12, generator=generator),
        "encoder_attention_mask": torch.ones(batch, 7, dtype=torch.long),
        "pooled_projections": torch.randn(batch, 8, generator=generator),
        "guidance": torch.full((batch,), 6000.0),
    }


FAMILIES = {
    family.name: family
    for family in (
        Family("dit", _dit, _dit_inputs, 3),
        Family("pixart", _pixart, _pixart_inputs, 3),
        Family("flux", _flux, _flux_inputs, 4, unit=1e-3),
        Family("sd3", _sd3, _sd3_inputs, 3),
        Family("wan", _wan, _wan_inputs, 3),
        Family("hunyuan", _hunyuan, _hunyuan_inputs, 4),
    )
}


@torch.no_grad()
def sample(
    family: Family,
    model: nn.Module,
    steps: int = 8,
    batch: int = 2,
    seed: int = 0,
    rows: list[int] | None = None,
    stop_at: int | None = None,
    branches: int = 1,
) -> Tensor:
    """An Euler loop over ``model``; ``branches=2`` calls it twice a step with other conditions (CFG).

    ``rows`` picks samples out of the batch's noise and conditions, ``stop_at`` breaks off before a step.
    """
    generator = torch.Generator().manual_seed(seed)
    latent, cond = family.inputs(batch, generator)
    _, uncond = family.inputs(batch, generator)
    if rows is not None:
        latent, cond, uncond = latent[rows], pick(cond, rows, batch), pick(uncond, rows, batch)
    for i in range(steps):
        if i == stop_at:
            raise KeyboardInterrupt
        time = torch.full((len(latent),), 900.0 - 850.0 * i / steps) * family.unit
        outputs = []
        for condition in (cond, uncond)[:branches]:
            out = model(hidden_states=latent, timestep=time, return_dict=False, **condition)[0]
            outputs.append(out[:, : latent.shape[1]] if out.shape != latent.shape else out)
        velocity = outputs[0] if branches == 1 else 1.5 * outputs[0] - 0.5 * outputs[1]
        latent = latent - velocity / steps
    return latent


def pick(conditions: dict[str, Any], rows: list[int], batch: int) -> dict[str, Any]:
    """The conditions of some samples; entries without a batch axis (position ids) stay."""
    return {
        name: value[rows]
        if isinstance(value, Tensor) and len(value) == batch and not name.endswith("_ids")
        else value
        for name, value in conditions.items()
    }
