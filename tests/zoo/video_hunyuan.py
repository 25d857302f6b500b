"""Video: HunyuanVideo and its kin, two streams that meet, and image editing done the same way."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    HunyuanVideo15Transformer3DModel,
    HunyuanVideoFramepackTransformer3DModel,
    HunyuanVideoTransformer3DModel,
    JoyImageEditPlusTransformer3DModel,
    JoyImageEditTransformer3DModel,
    MotifVideoTransformer3DModel,
)

from zoo.case import Draw, case

HEADS = {"num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 4}
MOTIF = {
    **HEADS, "out_channels": 4, "num_layers": 2, "num_single_layers": 4, "patch_size": 2, "patch_size_t": 1,
    "text_embed_dim": 12, "rope_axes_dim": (4, 6, 6),
}  # fmt: skip
HUNYUAN = {**MOTIF, "num_single_layers": 3, "num_refiner_layers": 2, "pooled_projection_dim": 8}
ONE_KIND = {k: v for k, v in HUNYUAN.items() if k not in ("num_single_layers", "pooled_projection_dim")}
JOY = {
    "in_channels": 4, "hidden_size": 32, "num_attention_heads": 2, "text_dim": 12, "num_layers": 4,
    "rope_dim_list": [4, 6, 6],
}  # fmt: skip
RAGGED = torch.tensor([[1] * 5, [1] * 3 + [0] * 2])


def video(draw: Draw) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, 2, 8, 8), "encoder_hidden_states": draw(2, 5, 12)}


def masked(draw: Draw) -> dict[str, Any]:
    return {**video(draw), "encoder_attention_mask": RAGGED}


def hunyuan(draw: Draw) -> dict[str, Any]:
    return {**masked(draw), "pooled_projections": draw(2, 8), "guidance": torch.full((2,), 6000.0)}


def framepack(draw: Draw) -> dict[str, Any]:
    frames = {"clean": (1, 6), "history_2x": (2, 4), "history_4x": (4, 0)}
    history = {f"latents_{name}": draw(2, 4, n, 8, 8) for name, (n, _) in frames.items()}
    places = {
        f"indices_latents_{name}": torch.arange(first, first + n) for name, (n, first) in frames.items()
    }
    own = {"indices_latents": torch.arange(7, 9), "image_embeds": draw(2, 3, 10)}
    return {**hunyuan(draw), **history, **places, **own}


def three_conditions(draw: Draw) -> dict[str, Any]:
    other = {"encoder_hidden_states_2": draw(2, 4, 10), "encoder_attention_mask_2": RAGGED[:, :4]}
    return {**masked(draw), **other, "image_embeds": draw(2, 3, 8)}


def patches(draw: Draw) -> dict[str, Any]:
    """Two pictures of one frame a sample, already cut into patches."""
    return {
        "hidden_states": draw(2, 12, 4, 1, 2, 2),
        "encoder_hidden_states": draw(2, 5, 12),
        "encoder_hidden_states_mask": RAGGED.float(),
        "shape_list": [[(1, 2, 4), (1, 2, 2)]] * 2,
    }


CASES = (
    case(HunyuanVideoTransformer3DModel, HUNYUAN, hunyuan),
    case(
        HunyuanVideoTransformer3DModel,
        {**HUNYUAN, "image_condition_type": "token_replace"},
        hunyuan,
        tag="+token_replace",
    ),
    case(
        HunyuanVideo15Transformer3DModel,
        {**ONE_KIND, "num_layers": 4, "text_embed_2_dim": 10, "image_embed_dim": 8},
        three_conditions,
    ),
    case(
        HunyuanVideoFramepackTransformer3DModel,
        {**HUNYUAN, "has_image_proj": True, "image_proj_dim": 10, "has_clean_x_embedder": True},
        framepack,
    ),
    case(MotifVideoTransformer3DModel, MOTIF, masked),
    case(MotifVideoTransformer3DModel, {**MOTIF, "num_decoder_layers": 2}, masked, tag="+decoder"),
    case(JoyImageEditTransformer3DModel, JOY, video),
    case(JoyImageEditPlusTransformer3DModel, JOY, patches),
)
