"""The model whose calls are timed, an untouched twin on the same weights, and the floor of a skipped call."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from diffusers import DiTTransformer2DModel
from torch import Tensor, nn

LAYERS, HEADS, HEAD_WIDTH, SIDE, BATCH = 12, 6, 64, 32, 2


def make_model() -> nn.Module:
    """A DiT of 256 tokens with random weights none of which is degenerate.

    diffusers initialises DiT with closed gates, so that every block is the identity.
    """
    generator = torch.Generator().manual_seed(0)
    model = DiTTransformer2DModel(
        num_attention_heads=HEADS, attention_head_dim=HEAD_WIDTH, num_layers=LAYERS, sample_size=SIDE,
        patch_size=2, in_channels=4, out_channels=4, num_embeds_ada_norm=1000,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim >= 2:
                parameter.copy_(noise / math.sqrt(parameter[0].numel()))
            else:
                parameter.add_(noise, alpha=0.05)
    return model.eval().requires_grad_(False)


def twin_of(model: nn.Module) -> nn.Module:
    """Another module on the same weights, which stays uncached while ``model`` is attached."""
    return copy.deepcopy(model, {id(p): p for p in model.parameters()})


class PassedOver(nn.Module):
    """A block that returns its input, and keeps the norm that DiT's output layer borrows from its first."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.norm1 = block.norm1

    def forward(self, hidden_states: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
        """The input."""
        return hidden_states


def floor_of(model: nn.Module) -> nn.Module:
    """The model without its blocks: what a per-stack skipped call runs, whoever skips."""
    floor = twin_of(model)
    floor.transformer_blocks = nn.ModuleList([PassedOver(floor.transformer_blocks[0])])
    return floor


def features() -> dict[str, int]:
    """Bytes of the feature that each granularity keeps, in fp32."""
    tokens, width = (SIDE // 2) ** 2, HEADS * HEAD_WIDTH
    return {"stack": BATCH * tokens * width * 4, "model": BATCH * 4 * SIDE * SIDE * 4}


class Sampler:
    """A bounded Euler trajectory; ``step`` gives the arguments of the next call."""

    def __init__(self, steps: int) -> None:
        generator = torch.Generator().manual_seed(1)
        self.steps = steps
        self.latent = torch.randn(BATCH, 4, SIDE, SIDE, generator=generator)
        self.labels = torch.randint(0, 1000, (BATCH,), generator=generator)

    def inputs(self, index: int) -> dict[str, Any]:
        """The arguments of the call at step ``index``."""
        times = torch.full((BATCH,), 981 - index * 980 // self.steps)
        return {
            "hidden_states": self.latent,
            "timestep": times,
            "class_labels": self.labels,
            "return_dict": False,
        }

    def advance(self, velocity: Tensor) -> None:
        """Take the step."""
        self.latent = self.latent - velocity / self.steps
