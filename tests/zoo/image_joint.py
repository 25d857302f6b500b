"""Images: one list of blocks over text and image together (HiDream and HunyuanImage have two)."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    CogView3PlusTransformer2DModel,
    CogView4Transformer2DModel,
    ErnieImageTransformer2DModel,
    GlmImageTransformer2DModel,
    HiDreamImageTransformer2DModel,
    HunyuanImageTransformer2DModel,
    Ideogram4Transformer2DModel,
    Krea2Transformer2DModel,
    NucleusMoEImageTransformer2DModel,
    QwenImage21Transformer2DModel,
    QwenImageTransformer2DModel,
)

from zoo.case import Draw, case, grid_ids

HEADS = {"num_attention_heads": 2, "attention_head_dim": 16}
PIXELS = {**HEADS, "num_layers": 4, "in_channels": 4, "out_channels": 4, "patch_size": 2}
COGVIEW = {**PIXELS, "text_embed_dim": 12, "time_embed_dim": 16, "condition_dim": 4}
QWEN = {**HEADS, "num_layers": 4, "in_channels": 4, "out_channels": 4, "axes_dims_rope": (4, 6, 6)}
SIZES = {name: torch.tensor([[8.0, 8.0]] * 2) for name in ("original_size", "target_size", "crop_coords")}
SHAPES = {"img_shapes": [[(1, 4, 4)]] * 2}


def image(draw: Draw, text: int = 12) -> dict[str, Any]:
    return {"hidden_states": draw(2, 4, 8, 8), "encoder_hidden_states": draw(2, 5, text)}


def tokens(draw: Draw) -> dict[str, Any]:
    return {"hidden_states": draw(2, 16, 4), "encoder_hidden_states": draw(2, 5, 12)}


def masked(draw: Draw) -> dict[str, Any]:
    return {**tokens(draw), "encoder_hidden_states_mask": torch.ones(2, 5, dtype=torch.bool), **SHAPES}


def glm(draw: Draw) -> dict[str, Any]:
    drop = torch.zeros(2, 16, dtype=torch.bool)
    sizes = {name: SIZES[name] for name in ("target_size", "crop_coords")}
    return {**image(draw), "prior_token_id": draw.ints(32, 2, 16), "prior_token_drop": drop, **sizes}


def hidream(draw: Draw) -> dict[str, Any]:
    return {
        "hidden_states": draw(2, 4, 8, 8),
        "encoder_hidden_states_t5": draw(2, 5, 12),
        "encoder_hidden_states_llama3": draw(4, 2, 5, 10),
        "pooled_embeds": draw(2, 6),
    }


def ideogram(draw: Draw) -> dict[str, Any]:
    places = torch.cat([torch.arange(5.0)[:, None].expand(5, 3), grid_ids(4, 4) + 9]).long()
    return {
        "hidden_states": draw(2, 21, 4),
        "encoder_hidden_states": draw(2, 21, 12),
        "position_ids": places.expand(2, -1, -1),
        "segment_ids": torch.zeros(2, 21, dtype=torch.long),
        "indicator": torch.tensor([[3] * 5 + [2] * 16] * 2),  # 3 marks text, 2 the image
    }


def krea(draw: Draw) -> dict[str, Any]:
    places = torch.cat([torch.zeros(5, 3), grid_ids(4, 4)])
    return {
        "hidden_states": draw(2, 16, 4),
        "encoder_hidden_states": draw(2, 5, 3, 8),
        "position_ids": places,
        "encoder_attention_mask": torch.ones(2, 5, dtype=torch.bool),
    }


CASES = (
    case(QwenImageTransformer2DModel, {**QWEN, "patch_size": 1, "joint_attention_dim": 12}, masked, unit=1.0),
    case(
        QwenImageTransformer2DModel,
        {**QWEN, "patch_size": 1, "joint_attention_dim": 12},
        lambda draw: {**masked(draw), "controlnet_block_samples": [draw(2, 16, 32)]},
        unit=1.0,
        tag="+control",
    ),
    case(
        QwenImage21Transformer2DModel,
        {**QWEN, "context_in_dim": 12},
        lambda draw: {**tokens(draw), **SHAPES, "img_mask": torch.tensor([[False] * 5 + [True] * 4] * 2)},
        unit=1.0,
    ),
    case(
        NucleusMoEImageTransformer2DModel,
        {
            **QWEN, "num_layers": 6, "patch_size": 1, "joint_attention_dim": 12, "num_experts": 4,
            "moe_intermediate_dim": 16, "capacity_factors": 2.0, "mlp_ratio": 6.0,
        },
        masked,
        unit=1.0,
    ),
    case(
        CogView3PlusTransformer2DModel,
        {**COGVIEW, "pos_embed_max_size": 8, "sample_size": 8},
        lambda draw: {**image(draw), **SIZES},
    ),
    case(
        CogView4Transformer2DModel,
        {**COGVIEW, "rope_axes_dim": (8, 8)},
        lambda draw: {**image(draw), **SIZES},
    ),
    case(GlmImageTransformer2DModel, {**COGVIEW, "prior_vq_quantizer_codebook_size": 32}, glm),
    case(
        HiDreamImageTransformer2DModel,
        {
            **PIXELS, "num_layers": 2, "num_single_layers": 3, "caption_channels": [12, 10],
            "text_emb_dim": 6, "axes_dims_rope": (4, 6, 6), "max_resolution": (8, 8),
            "llama_layers": [0, 1, 2, 3, 3], "force_inference_output": True,
        },
        hidream,
        time="timesteps",
    ),
    case(
        HunyuanImageTransformer2DModel,
        {
            **PIXELS, "patch_size": (2, 2), "num_layers": 2, "num_single_layers": 3, "num_refiner_layers": 2,
            "text_embed_dim": 12, "rope_axes_dim": (8, 8),
        },
        lambda draw: {**image(draw), "encoder_attention_mask": torch.tensor([[1] * 5, [1] * 3 + [0] * 2])},
    ),
    case(
        Ideogram4Transformer2DModel,
        {
            **HEADS, "in_channels": 4, "num_layers": 4, "intermediate_size": 32, "adaln_dim": 8,
            "llm_features_dim": 12, "mrope_section": (4, 2, 2),
        },
        ideogram,
        unit=1.0,
    ),
    case(
        Krea2Transformer2DModel,
        {
            **HEADS, "in_channels": 4, "num_layers": 4, "num_key_value_heads": 1, "intermediate_size": 32,
            "timestep_embed_dim": 16, "text_hidden_dim": 8, "num_text_layers": 3,
            "text_num_attention_heads": 2, "text_num_key_value_heads": 2, "text_intermediate_size": 16,
            "axes_dims_rope": (4, 6, 6),
        },
        krea,
        unit=1.0,
    ),
    case(
        ErnieImageTransformer2DModel,
        {
            "hidden_size": 32, "num_attention_heads": 2, "num_layers": 4, "ffn_hidden_size": 32,
            "in_channels": 4, "out_channels": 4, "patch_size": 2, "text_in_dim": 12,
            "rope_axes_dim": (4, 6, 6),
        },
        lambda draw: {
            "hidden_states": draw(2, 4, 8, 8),
            "text_bth": draw(2, 5, 12),
            "text_lens": torch.tensor([5, 3]),
        },
    ),
)  # fmt: skip
