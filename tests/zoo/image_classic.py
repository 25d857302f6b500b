"""Images and their parts: DiT, PixArt, Sana, a prior, U-Nets and the transformers inside them."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    DiTTransformer2DModel,
    DreamLiteTransformer2DModel,
    PixArtTransformer2DModel,
    PriorTransformer,
    SanaTransformer2DModel,
    Transformer2DModel,
    TransformerTemporalModel,
    UNet2DConditionModel,
)
from diffusers.models.transformers import DualTransformer2DModel

from zoo.case import Case, Draw, case

HEADS = {"num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 4}
PATCHES = {**HEADS, "in_channels": 4, "sample_size": 8, "patch_size": 2}
INSIDE = {**HEADS, "in_channels": 8, "norm_num_groups": 4, "cross_attention_dim": 12}
SANA = {**PATCHES, "out_channels": 4, "num_cross_attention_heads": 2, "cross_attention_head_dim": 16,
        "cross_attention_dim": 32, "caption_channels": 12}  # fmt: skip


def labelled(draw: Draw) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, 8, 8), "class_labels": draw.ints(1000, 2)}


def text(draw: Draw) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, 8, 8), "encoder_hidden_states": draw(2, 5, 12)}


def inside(draw: Draw, length: int = 5) -> dict[str, Any]:
    return {"hidden_states": draw(2, 8, 4, 4), "encoder_hidden_states": draw(2, length, 12)}


def masked(draw: Draw) -> dict[str, Any]:
    return {**text(draw), "encoder_attention_mask": torch.tensor([[1] * 5, [1] * 3 + [0] * 2])}


PARTS = (
    case(
        Transformer2DModel,
        {**PATCHES, "norm_type": "ada_norm_zero", "num_embeds_ada_norm": 1000,
         "norm_elementwise_affine": False},
        labelled,
    ),
    case(Transformer2DModel, INSIDE, inside, tag="+continuous"),
    case(DualTransformer2DModel, INSIDE, lambda draw: inside(draw, 77 + 257)),
    case(DreamLiteTransformer2DModel, {**INSIDE, "use_linear_projection": True}, inside),
    case(
        TransformerTemporalModel,
        {**INSIDE, "cross_attention_dim": None},
        lambda draw: {"hidden_states": draw(6, 8, 4, 4), "num_frames": 3},
    ),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    case(DiTTransformer2DModel, {**PATCHES, "num_embeds_ada_norm": 1000}, labelled),
    case(
        PixArtTransformer2DModel,
        {**PATCHES, "out_channels": 8, "cross_attention_dim": 32, "caption_channels": 12,
         "use_additional_conditions": False},
        lambda draw: {**masked(draw), "added_cond_kwargs": {"resolution": None, "aspect_ratio": None}},
    ),
    case(SanaTransformer2DModel, SANA, masked),
    case(
        SanaTransformer2DModel,
        SANA,
        lambda draw: {**masked(draw), "controlnet_block_samples": (draw(2, 16, 32), draw(2, 16, 32))},
        tag="+control",
    ),
    case(
        PriorTransformer,
        {**HEADS, "embedding_dim": 12, "num_embeddings": 5},
        lambda draw: {
            "hidden_states": draw(2, 12),
            "proj_embedding": draw(2, 12),
            "encoder_hidden_states": draw(2, 5, 12),
            "attention_mask": torch.ones(2, 5),
        },
    ),
    case(
        UNet2DConditionModel,
        {"sample_size": 8, "block_out_channels": (16, 32), "layers_per_block": 2, "norm_num_groups": 4,
         "cross_attention_dim": 12, "attention_head_dim": 8,
         "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
         "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D")},
        lambda draw: {"sample": draw(2, 4, 8, 8), "encoder_hidden_states": draw(2, 5, 12)},
    ),
    *PARTS,
)  # fmt: skip
