"""Images: the FLUX line, two kinds of blocks, text and image together."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AuraFlowTransformer2DModel,
    BriaFiboTransformer2DModel,
    BriaTransformer2DModel,
    ChromaTransformer2DModel,
    Flux2Transformer2DModel,
    Flux3Transformer2DModel,
    FluxTransformer2DModel,
    LongCatImageTransformer2DModel,
    OvisImageTransformer2DModel,
    SD3Transformer2DModel,
)

from zoo.case import Draw, case, grid_ids

WIDTH = {"num_attention_heads": 2, "attention_head_dim": 16, "joint_attention_dim": 12}
BLOCKS = {"num_layers": 2, "num_single_layers": 3}
FLUX = {**WIDTH, **BLOCKS, "patch_size": 1, "in_channels": 4, "axes_dims_rope": (4, 6, 6)}
CHROMA = {**FLUX, "approximator_num_channels": 8, "approximator_hidden_dim": 16, "approximator_layers": 2}
BY_MODE = {k: v for k, v in FLUX.items() if k != "patch_size"}
MMDIT = {**WIDTH, "sample_size": 8, "patch_size": 2, "in_channels": 4, "out_channels": 4}


def tokens(draw: Draw, axes: int = 3) -> dict[str, Any]:
    return {
        "hidden_states": draw(2, 16, 4),
        "encoder_hidden_states": draw(2, 5, 12),
        "img_ids": grid_ids(4, 4, axes),
        "txt_ids": torch.zeros(5, axes),
    }


def pooled(draw: Draw) -> dict[str, Any]:
    return {**tokens(draw), "pooled_projections": draw(2, 10)}


def hints(draw: Draw) -> dict[str, Any]:
    """What a ControlNet adds between the blocks."""
    return {f"controlnet_{kind}block_samples": [draw(2, 16, 32)] for kind in ("", "single_")}


def image(draw: Draw) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, 8, 8), "encoder_hidden_states": draw(2, 5, 12)}


CASES = (
    case(FluxTransformer2DModel, {**FLUX, "pooled_projection_dim": 10}, pooled, unit=1.0),
    case(
        FluxTransformer2DModel,
        {**FLUX, "pooled_projection_dim": 10},
        lambda draw: {**pooled(draw), **hints(draw)},
        unit=1.0,
        tag="+control",
    ),
    case(
        Flux2Transformer2DModel,
        {**FLUX, "axes_dims_rope": (4, 4, 4, 4), "timestep_guidance_channels": 16},
        lambda draw: {**tokens(draw, axes=4), "guidance": torch.full((2,), 4.0)},
        unit=1.0,
    ),
    case(
        Flux3Transformer2DModel,
        {**BY_MODE, "cond_in_channels": 4, "axes_dims_rope": (4, 4, 4, 4), "timestep_channels": 16},
        lambda draw: {
            **tokens(draw, axes=4),
            "image_cond_hidden_states": draw(2, 4, 4),
            "image_cond_ids": grid_ids(2, 2, 4),
        },
        unit=1.0,
    ),
    case(BriaTransformer2DModel, FLUX, tokens),
    case(
        BriaFiboTransformer2DModel,
        {**FLUX, "text_encoder_dim": 6},
        lambda draw: {**tokens(draw), "text_encoder_layers": [draw(2, 5, 6) for _ in range(5)]},
    ),
    case(ChromaTransformer2DModel, CHROMA, tokens, unit=1.0),
    case(
        ChromaTransformer2DModel,
        CHROMA,
        lambda draw: {**tokens(draw), **hints(draw)},
        unit=1.0,
        tag="+control",
    ),
    case(LongCatImageTransformer2DModel, {**FLUX, "pooled_projection_dim": 10}, tokens, unit=1.0),
    case(OvisImageTransformer2DModel, {**FLUX, "out_channels": 4}, tokens, unit=1.0),
    case(
        AuraFlowTransformer2DModel,
        {**MMDIT, "num_mmdit_layers": 2, "num_single_dit_layers": 3, "caption_projection_dim": 32},
        image,
        unit=1.0,
    ),
    case(
        SD3Transformer2DModel,
        {**MMDIT, "num_layers": 4, "caption_projection_dim": 32, "pooled_projection_dim": 10},
        lambda draw: {**image(draw), "pooled_projections": draw(2, 10)},
    ),
    case(
        SD3Transformer2DModel,
        {**MMDIT, "num_layers": 4, "caption_projection_dim": 32, "pooled_projection_dim": 10},
        lambda draw: {
            **image(draw),
            "pooled_projections": draw(2, 10),
            "block_controlnet_hidden_states": [draw(2, 16, 32)],
        },
        tag="+control",
    ),
)
