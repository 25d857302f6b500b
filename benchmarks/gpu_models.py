"""Published architectures at their true size with random weights, and tiny ones of the same classes.

Sizes are those of the checkpoints' own configurations; a call is what one sampling step gives the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
from torch import Tensor, nn

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """Shapes of a call: the latent with its batch, and how many text tokens of what width."""

    latent: tuple[int, ...]
    text: int = 0
    width: int = 0
    pooled: int = 0


@dataclass(frozen=True)
class Architecture:
    """A model class with its configuration and call, true and tiny. ``unit`` scales times from 1000 down."""

    name: str
    kind: str
    config: dict[str, Any]
    size: Size
    tiny_config: dict[str, Any]
    tiny_size: Size
    conditions: Callable[[Size, torch.device, torch.dtype], Inputs]
    steps: int = 50
    unit: float = 1.0

    def call_size(self, tiny: bool) -> Size:
        """The shapes of its call."""
        return self.tiny_size if tiny else self.size

    def build(self, tiny: bool, device: torch.device, dtype: torch.dtype) -> nn.Module:
        """The model on ``device``, made there, with random weights none of which is degenerate."""
        config = self.config | (self.tiny_config if tiny else {})
        usual = torch.get_default_dtype()
        torch.set_default_dtype(dtype)  # 13 billion parameters in fp32 would not fit first
        try:
            with device:
                torch.manual_seed(0)
                model = getattr(diffusers, self.kind)(**config)
        finally:
            torch.set_default_dtype(usual)
        return randomise(keep_wide(model)).eval().requires_grad_(False)


def keep_wide(model: nn.Module) -> nn.Module:
    """The modules that the class keeps in fp32 when it is loaded (Wan's norms and time embedder), in fp32."""
    kept = set(getattr(model, "_keep_in_fp32_modules", None) or ())
    for name, parameter in model.named_parameters():
        if kept & set(name.split(".")):
            parameter.data = parameter.data.float()
    return model


@torch.no_grad()
def randomise(model: nn.Module) -> nn.Module:
    """Fan-in scaled normal matrices and small biases: diffusers closes gates, and blocks do nothing."""
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            parameter.normal_(std=1 / math.sqrt(parameter[0].numel()))
        else:
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model


def _text(size: Size, device: torch.device, dtype: torch.dtype) -> Inputs:
    shape = (size.latent[0], size.text, size.width)
    return {"encoder_hidden_states": torch.randn(shape, device=device, dtype=dtype)}


def _classes(size: Size, device: torch.device, dtype: torch.dtype) -> Inputs:
    return {"class_labels": torch.arange(size.latent[0], device=device)}


def _pixart(size: Size, device: torch.device, dtype: torch.dtype) -> Inputs:
    given = {"added_cond_kwargs": {"resolution": None, "aspect_ratio": None}}
    return _text(size, device, dtype) | given


def _flux(size: Size, device: torch.device, dtype: torch.dtype) -> Inputs:
    batch, tokens, _ = size.latent
    side = math.isqrt(tokens)
    grid = torch.cartesian_prod(torch.arange(side), torch.arange(side)).to(device, dtype)
    return _text(size, device, dtype) | {
        "pooled_projections": torch.randn(batch, size.pooled, device=device, dtype=dtype),
        "guidance": torch.full((batch,), 3.5, device=device, dtype=dtype),
        "img_ids": torch.cat([torch.zeros_like(grid[:, :1]), grid], dim=1),
        "txt_ids": torch.zeros(size.text, 3, device=device, dtype=dtype),
    }


def _hunyuan(size: Size, device: torch.device, dtype: torch.dtype) -> Inputs:
    batch = size.latent[0]
    return _text(size, device, dtype) | {
        "encoder_attention_mask": torch.ones(batch, size.text, device=device, dtype=torch.long),
        "pooled_projections": torch.randn(batch, size.pooled, device=device, dtype=dtype),
        "guidance": torch.full((batch,), 6000.0, device=device, dtype=dtype),
    }


XL = {"num_attention_heads": 16, "attention_head_dim": 72, "num_layers": 28, "patch_size": 2,
      "in_channels": 4, "out_channels": 8}  # fmt: skip
SMALL = {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 3, "sample_size": 8}
PIXART = XL | {"cross_attention_dim": 1152, "caption_channels": 4096}
TINY_PIXART = SMALL | {"cross_attention_dim": 16, "caption_channels": 12, "use_additional_conditions": False}
DIT, PIXART_CLASS = "DiTTransformer2DModel", "PixArtTransformer2DModel"

ALL = (
    Architecture(
        "dit-xl-2-256", DIT, XL | {"sample_size": 32, "num_embeds_ada_norm": 1000}, Size((2, 4, 32, 32)),
        SMALL, Size((2, 4, 8, 8)), _classes,
    ),
    Architecture(
        "pixart-256", PIXART_CLASS, PIXART | {"sample_size": 32}, Size((2, 4, 32, 32), 120, 4096),
        TINY_PIXART, Size((2, 4, 8, 8), 5, 12), _pixart, steps=20,
    ),
    Architecture(
        "pixart-512", PIXART_CLASS, PIXART | {"sample_size": 64}, Size((2, 4, 64, 64), 120, 4096),
        TINY_PIXART, Size((2, 4, 8, 8), 5, 12), _pixart, steps=20,
    ),
    Architecture(
        "flux-dev-1024", "FluxTransformer2DModel", {"guidance_embeds": True},
        Size((1, 4096, 64), 512, 4096, 768),
        {"in_channels": 4, "num_layers": 2, "num_single_layers": 2, "attention_head_dim": 16,
         "num_attention_heads": 2, "joint_attention_dim": 12, "pooled_projection_dim": 10,
         "axes_dims_rope": (4, 6, 6)},
        Size((1, 16, 4), 7, 12, 10), _flux, unit=1e-3,
    ),
    Architecture(
        "wan-1.3b-480p", "WanTransformer3DModel",
        {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30}, Size((1, 16, 21, 60, 104), 512, 4096),
        {"num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 4, "out_channels": 4,
         "text_dim": 12, "freq_dim": 16, "ffn_dim": 32, "num_layers": 3, "rope_max_seq_len": 32},
        Size((1, 4, 2, 8, 8), 7, 12), _text,
    ),
    Architecture(
        "hunyuanvideo-480p", "HunyuanVideoTransformer3DModel", {}, Size((1, 16, 17, 60, 80), 256, 4096, 768),
        {"in_channels": 4, "out_channels": 4, "attention_head_dim": 10, "num_attention_heads": 2,
         "num_layers": 2, "num_single_layers": 2, "num_refiner_layers": 1, "text_embed_dim": 12,
         "pooled_projection_dim": 8, "rope_axes_dim": (2, 4, 4)},
        Size((1, 4, 2, 8, 8), 7, 12, 8), _hunyuan,
    ),
)  # fmt: skip
ARCHITECTURES = {one.name: one for one in ALL}


class Loop:
    """A bounded Euler trajectory: the arguments of each call, and the step that follows it."""

    def __init__(
        self, which: Architecture, tiny: bool, device: torch.device, dtype: torch.dtype, steps: int
    ) -> None:
        torch.manual_seed(1)
        size = which.call_size(tiny)
        self.steps = steps
        self.conditions = which.conditions(size, device, dtype)
        self.noise = torch.randn(size.latent, device=device, dtype=dtype)
        descending = [which.unit * 1000 * (1 - index / steps) for index in range(steps)]
        self.times = [torch.full(size.latent[:1], t, device=device, dtype=dtype) for t in descending]

    def inputs(self, latent: Tensor, index: int) -> Inputs:
        """The arguments of the call at step ``index``."""
        own = {"hidden_states": latent, "timestep": self.times[index], "return_dict": False}
        return own | self.conditions

    def advance(self, latent: Tensor, output: Tensor) -> Tensor:
        """The latent of the next step; learned variances are dropped."""
        return latent - output[:, : latent.shape[1]] / self.steps
